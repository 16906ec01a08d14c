//! The same images under attacks of rising strength: more steps, more starts, other losses, no gradients, larger radii.

use super::{Rung, Subject};
use crate::attack::{norms, run_dataset, DatasetAttack, DatasetAttacked};
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::evaluate::Outcome;
use crate::spec::{AttackKind, AttackSpec, Norm, ThreatModel};

/// Queries of Square: enough to find what a masked gradient hides, a tenth of `AutoAttack`'s.
const QUERIES: u32 = 500;
const AUTO_STEPS: u32 = 50;
/// Multiples of the radius, each with 20 steps.
const RADII: [f64; 4] = [0.5, 2.0, 4.0, 8.0];

/// Results of the ladder, one flag per image: 1 robust.
pub struct Climbed {
    /// Rungs in order.
    pub rungs: Vec<Rung>,
    /// One step.
    pub one_step: Vec<u8>,
    /// Ten steps.
    pub ten_steps: Vec<u8>,
    /// Forty steps.
    pub forty_steps: Vec<u8>,
    /// Robust under every gradient attack at ε.
    pub white_box: Vec<u8>,
    /// Robust under those and Square.
    pub with_square: Vec<u8>,
    /// Multiples of ε, the whole box last (infinity), and what is robust at each.
    pub radii: Vec<(f64, Vec<u8>)>,
    /// Largest perturbation over ε, recomputed in float64 from images kept, or as any attack reports it.
    pub largest: f64,
    /// Lowest and highest pixel of all attacks.
    pub pixels: (f64, f64),
    /// Images kept that the network judges otherwise than the attack said.
    pub misjudged: u64,
}

/// Attacks on a subject; counts the work done.
struct Climber<'a> {
    subject: &'a Subject<'a>,
    control: &'a Control,
    progress: &'a mut dyn FnMut(&str, f64),
    done: f64,
    total: f64,
    rungs: Vec<Rung>,
    largest: f64,
    pixels: (f64, f64),
}

/// Runs every rung.
pub fn climb(
    subject: &Subject<'_>, model: ThreatModel, classes: i64, control: &Control, progress: &mut dyn FnMut(&str, f64),
) -> Result<Climbed> {
    let specs = specs(model, classes);
    let total = specs.iter().map(|(_, spec)| work(spec)).sum();
    let (rungs, pixels) = (Vec::new(), (1.0, 0.0));
    let mut climber = Climber { subject, control, progress, done: 0.0, total, rungs, largest: 0.0, pixels };
    let everything = vec![1; subject.data.len() as usize];
    let mut robust = Vec::new();
    let mut white_box = everything.clone();
    let mut misjudged = 0;
    for (name, spec) in specs {
        let at_epsilon = (spec.threat_model.epsilon - model.epsilon).abs() < f64::EPSILON;
        // Auto-PGD and Square only have to look at what is left.
        let from = if is_auto(spec.kind) || spec.kind == AttackKind::Square { &white_box } else { &everything };
        let (found, wrong) = climber.rung(&name, &spec, from)?;
        misjudged += wrong;
        if at_epsilon && spec.kind != AttackKind::Square {
            white_box = both(&white_box, &found);
        }
        robust.push((spec, found));
    }
    let of = |kind: AttackKind, steps: u32, restarts: u32| {
        let same = |spec: &AttackSpec| spec.kind == kind && spec.steps == steps && spec.restarts == restarts;
        robust.iter().find(|(spec, _)| same(spec)).map(|(_, found)| found.clone()).unwrap_or_default()
    };
    let box_radius = whole_box(model.norm, subject);
    let radius = |spec: &AttackSpec| match spec.threat_model.epsilon {
        epsilon if epsilon >= box_radius => f64::INFINITY,
        epsilon => epsilon / model.epsilon,
    };
    let radii = robust.iter().filter(|(spec, _)| spec.kind == AttackKind::Pgd && spec.steps == 20);
    Ok(Climbed {
        one_step: of(AttackKind::Fgsm, 1, 1),
        ten_steps: of(AttackKind::Pgd, 10, 1),
        forty_steps: of(AttackKind::Pgd, 40, 1),
        with_square: of(AttackKind::Square, QUERIES, 1),
        white_box,
        radii: radii.map(|(spec, found)| (radius(spec), found.clone())).collect(),
        largest: climber.largest,
        pixels: climber.pixels,
        misjudged,
        rungs: climber.rungs,
    })
}

fn is_auto(kind: AttackKind) -> bool {
    matches!(kind, AttackKind::ApgdCe | AttackKind::ApgdT)
}

fn both(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a & b).collect()
}

/// The rungs. FGSM takes one step of ε; PGD steps of ε/4 (10 and 20 steps) or ε/10 (40).
fn specs(model: ThreatModel, classes: i64) -> Vec<(String, AttackSpec)> {
    let at = |multiple: f64| {
        let limit = if model.norm == Norm::Linf { 1.0 } else { f64::MAX };
        ThreatModel { norm: model.norm, epsilon: (model.epsilon * multiple).min(limit) }
    };
    let pgd = |multiple: f64, steps: u32, restarts: u32| {
        let model = at(multiple);
        let step = model.epsilon / if steps == 40 { 10.0 } else { 4.0 };
        AttackSpec { threat_model: model, ..AttackSpec::pgd(model.epsilon, step, steps, restarts) }
    };
    let auto = |kind, steps, targets| AttackSpec { kind, targets, ..pgd(1.0, steps, 1) };
    let one_step = AttackSpec {
        kind: AttackKind::Fgsm,
        steps: 1,
        step_size: model.epsilon,
        random_start: false,
        ..pgd(1.0, 1, 1)
    };
    let mut rungs = vec![
        ("one step".to_string(), one_step),
        ("10 steps".to_string(), pgd(1.0, 10, 1)),
        ("40 steps".to_string(), pgd(1.0, 40, 1)),
        ("10 steps, 5 starts".to_string(), pgd(1.0, 10, 5)),
        ("Auto-PGD on cross-entropy, on what is left".to_string(), auto(AttackKind::ApgdCe, AUTO_STEPS, 0)),
    ];
    if classes >= 4 {
        let targets = (classes - 1).min(3) as u32;
        let targeted = auto(AttackKind::ApgdT, AUTO_STEPS, targets);
        rungs.push((format!("Auto-PGD at {targets} other classes, on what is left"), targeted));
    }
    rungs.push((format!("Square, {QUERIES} queries, on what is left"), auto(AttackKind::Square, QUERIES, 0)));
    rungs.extend(RADII.map(|multiple| (format!("{multiple} times the radius"), pgd(multiple, 20, 1))));
    let unbounded = if model.norm == Norm::Linf { 1.0 } else { f64::MAX };
    rungs.push(("no bound but the pixels' range".to_string(), pgd(unbounded / model.epsilon, 20, 1)));
    rungs
}

/// Radius of a ball that holds every image.
fn whole_box(norm: Norm, subject: &Subject<'_>) -> f64 {
    let (height, width) = subject.data.image_size();
    if norm == Norm::Linf {
        1.0
    } else {
        ((3 * height * width) as f64).sqrt()
    }
}

/// Work of a rung in forward passes.
fn work(spec: &AttackSpec) -> f64 {
    let passes = f64::from(spec.restarts * if spec.kind == AttackKind::ApgdT { spec.targets } else { 1 });
    passes * f64::from(spec.steps) * if spec.kind == AttackKind::Square { 1.0 } else { 3.0 }
}

impl Climber<'_> {
    /// Attacks the images that `from` calls robust. Returns what is robust among all, those that were left out being fallen,
    /// and how many images kept are judged otherwise than reported.
    fn rung(&mut self, name: &str, spec: &AttackSpec, from: &[u8]) -> Result<(Vec<u8>, u64)> {
        let mut spec = spec.clone();
        let box_radius = whole_box(spec.threat_model.norm, self.subject);
        if spec.threat_model.epsilon > box_radius {
            spec.threat_model.epsilon = box_radius;
            spec.step_size = box_radius / 4.0;
        }
        let rows: Vec<i64> = (0..from.len() as i64).filter(|at| from[*at as usize] == 1).collect();
        let mut robust = vec![0; from.len()];
        let mut losses = vec![0.0; from.len()];
        let mut misjudged = 0;
        if !rows.is_empty() {
            let images = self.subject.data.subset(&rows)?;
            let attacked = self.attack(name, &images, &spec)?;
            misjudged = self.recheck(&images, &attacked, &spec)?;
            for ((row, survived), loss) in rows.iter().zip(&attacked.per_image).zip(&attacked.losses) {
                robust[*row as usize] = *survived;
                losses[*row as usize] = *loss;
            }
        }
        self.done += work(&spec);
        (self.progress)(name, self.done / self.total);
        let outcome = Outcome::new(robust.clone(), &losses);
        self.rungs.push(Rung { name: name.to_string(), attack: spec, outcome });
        Ok((robust, misjudged))
    }

    fn attack(&mut self, name: &str, images: &Dataset, spec: &AttackSpec) -> Result<DatasetAttacked> {
        let attack = DatasetAttack {
            pair: self.subject.pair,
            data: images,
            offset: self.subject.offset,
            spec,
            seed: self.subject.seed,
            batch_size: self.subject.batch_size,
            keep_images: true,
        };
        let count = images.len() as f64;
        let (done, total, each) = (self.done, self.total, work(spec));
        let progress = &mut self.progress;
        run_dataset(&attack, self.control, &mut |standing| {
            progress(name, (done + each * standing.done as f64 / count) / total);
        })
    }

    /// Bounds and judgements again, from the images kept and not from the attack's own account.
    fn recheck(&mut self, images: &Dataset, attacked: &DatasetAttacked, spec: &AttackSpec) -> Result<u64> {
        let Some(kept) = &attacked.images else { return Ok(0) };
        let rows: Vec<i64> = (0..images.len()).collect();
        let (clean, labels) = images.batch(&rows)?;
        let (kept, clean) = (kept.f_to_kind(tch::Kind::Double)?, clean.f_to_kind(tch::Kind::Double)?);
        let sizes = norms::per_image(spec.threat_model.norm, &kept.f_sub(&clean)?)?;
        let epsilon = spec.threat_model.epsilon;
        self.largest = self.largest.max(f64::try_from(&sizes.f_max()?)? / epsilon);
        self.pixels.0 = self.pixels.0.min(f64::try_from(&kept.f_min()?)?);
        self.pixels.1 = self.pixels.1.max(f64::try_from(&kept.f_max()?)?);
        let judge = self.subject.pair.judge;
        let mut misjudged = 0;
        for part in rows.chunks(self.subject.batch_size.max(1) as usize) {
            let (first, count) = (part[0], part.len() as i64);
            let batch = kept.f_narrow(0, first, count)?.f_to_kind(tch::Kind::Float)?.f_to_device(judge.device())?;
            let own = labels.f_narrow(0, first, count)?.f_to_device(judge.device())?;
            let right = tch::no_grad(|| judge.logits(&batch))?.f_argmax(1, false)?.f_eq_tensor(&own)?;
            let right = crate::evaluate::bytes(&right)?;
            let said = &attacked.per_image[first as usize..(first + count) as usize];
            misjudged += right.iter().zip(said).filter(|(right, said)| right != said).count() as u64;
        }
        Ok(misjudged)
    }
}
