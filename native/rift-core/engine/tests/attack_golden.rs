//! Attacks against values that test/golden/attacks/make.py computes independently in PyTorch.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::path::{Path, PathBuf};

use rift_engine::attack::ascent::{Ascent, AutoStep, Checkpoints};
use rift_engine::attack::loss::{cross_entropy, is_right, target_class};
use rift_engine::attack::projection::{l1_ball_and_box, onto_plane};
use rift_engine::attack::sparse_ascent::SparseStep;
use rift_engine::attack::{fab, pgd, square, square_bumps, Loss};
use rift_engine::checkpoint::{read_safetensors, StateDict};
use rift_engine::error::Result;
use rift_engine::net::Classifier;
use rift_engine::rng;
use rift_engine::spec::{AttackSpec, Norm, ThreatModel};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

struct Golden(StateDict, Value);

impl Golden {
    fn read() -> Self {
        let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/attacks");
        let text = std::fs::read_to_string(folder.join("golden.json")).unwrap();
        Self(read_safetensors(&folder.join("golden.safetensors")).unwrap().0, serde_json::from_str(&text).unwrap())
    }

    fn get(&self, name: &str) -> &Tensor {
        self.0.require(name).unwrap()
    }

    fn radius(&self, norm: &str) -> f64 {
        self.1["radii"][norm].as_f64().unwrap()
    }
}

/// The network of the script.
struct Net(Tensor, Tensor);

impl Classifier for Net {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let hidden = images.f_flatten(1, -1)?.f_sub_scalar(0.5)?.f_matmul(&self.0)?.f_tanh()?;
        Ok(hidden.f_matmul(&self.1)?)
    }

    fn device(&self) -> Device {
        Device::Cpu
    }
}

impl Net {
    fn of(golden: &Golden) -> Self {
        tch::set_num_threads(1);
        Self(golden.get("net.first").shallow_clone(), golden.get("net.second").shallow_clone())
    }

    fn loss_and_gradient(&self, images: &Tensor, labels: &Tensor) -> (Tensor, Tensor) {
        let (logits, gradient) = pgd::gradient(self, images, labels, &Loss::CrossEntropy).unwrap();
        (cross_entropy(&logits, labels).unwrap(), gradient)
    }
}

fn gap(mine: &Tensor, theirs: &Tensor) -> f64 {
    assert_eq!(mine.size(), theirs.size());
    (mine - theirs).abs().max().double_value(&[])
}

const NORMS: [(&str, Norm); 3] = [("linf", Norm::Linf), ("l2", Norm::L2), ("l1", Norm::L1)];

#[test]
fn pgd_takes_the_steps_of_the_formulas() {
    let golden = Golden::read();
    let net = Net::of(&golden);
    let (clean, labels) = (golden.get("clean"), golden.get("labels"));
    for (name, norm) in &NORMS[..2] {
        let epsilon = golden.radius(name);
        let threat_model = ThreatModel { norm: *norm, epsilon };
        let spec = AttackSpec { threat_model, ..AttackSpec::pgd(epsilon, epsilon / 4.0, 10, 1) };
        let mut current = golden.get(&format!("{name}.start")).shallow_clone();
        for step in 0..10 {
            let (_, gradient) = net.loss_and_gradient(&current, labels);
            current = pgd::step(clean, &current, &gradient, &spec).unwrap();
            let theirs = golden.get(&format!("pgd.{name}")).get(step);
            assert!(gap(&current, &theirs) < 1e-5, "{name} step {step}: {}", gap(&current, &theirs));
        }
    }
}

#[test]
fn auto_pgd_proposes_the_points_and_step_sizes_of_the_formulas() {
    let golden = Golden::read();
    let net = Net::of(&golden);
    let (clean, labels) = (golden.get("clean"), golden.get("labels"));
    for (name, norm) in &NORMS[..2] {
        let start = golden.get(&format!("{name}.start"));
        let (loss, gradient) = net.loss_and_gradient(start, labels);
        let mut ascent = AutoStep::new(*norm, golden.radius(name), 20, start, &loss, &gradient).unwrap();
        let (path, steps) = (golden.get(&format!("apgd.{name}.path")), golden.get(&format!("apgd.{name}.step")));
        assert!(steps.get(19).std(false).double_value(&[]) > 0.0, "images must differ in what they halve");
        for step in 0..20 {
            assert!(gap(&ascent.step_size().view([-1]), &steps.get(step)) < 1e-6, "{name} step size {step}");
            let point = ascent.propose(clean).unwrap();
            assert!(gap(&point, &path.get(step)) < 1e-5, "{name} step {step}: {}", gap(&point, &path.get(step)));
            let (loss, gradient) = net.loss_and_gradient(&point, labels);
            ascent.accept(clean, &loss, &gradient).unwrap();
        }
        assert!(gap(ascent.best(), golden.get(&format!("apgd.{name}.best"))) < 1e-5, "{name}");
    }
}

#[test]
fn auto_pgd_in_the_l1_ball_takes_the_sparse_steps_of_the_formulas() {
    let golden = Golden::read();
    let net = Net::of(&golden);
    let (clean, labels) = (golden.get("clean"), golden.get("labels"));
    let start = golden.get("l1.start");
    let (loss, gradient) = net.loss_and_gradient(start, labels);
    let mut ascent = SparseStep::new(golden.radius("l1"), 20, clean, start, &loss, &gradient).unwrap();
    for step in 0..20 {
        let point = ascent.propose(clean).unwrap();
        let theirs = golden.get("apgd.l1.path").get(step);
        assert!(gap(&point, &theirs) < 1e-5, "step {step}: {}", gap(&point, &theirs));
        let (loss, gradient) = net.loss_and_gradient(&point, labels);
        ascent.accept(clean, &loss, &gradient).unwrap();
    }
    assert!(gap(ascent.best(), golden.get("apgd.l1.best")) < 1e-5);
}

#[test]
fn an_ascent_forgets_rows_without_touching_the_others() {
    let golden = Golden::read();
    let net = Net::of(&golden);
    let (mut clean, mut labels) = (golden.get("clean").shallow_clone(), golden.get("labels").shallow_clone());
    let start = golden.get("linf.start");
    let (loss, gradient) = net.loss_and_gradient(start, &labels);
    let mut ascent = AutoStep::new(Norm::Linf, golden.radius("linf"), 20, start, &loss, &gradient).unwrap();
    let stay = Tensor::from_slice(&[0i64, 3, 5]);
    for step in 0..20 {
        let mut point = ascent.propose(&clean).unwrap();
        if step == 7 {
            ascent.keep(Some(&stay)).unwrap();
            for tensor in [&mut point, &mut clean, &mut labels] {
                *tensor = tensor.index_select(0, &stay);
            }
        }
        let (loss, gradient) = net.loss_and_gradient(&point, &labels);
        ascent.accept(&clean, &loss, &gradient).unwrap();
    }
    let theirs = golden.get("apgd.linf.best").index_select(0, &stay);
    assert!(gap(ascent.best(), &theirs) < 1e-5);
}

#[test]
fn checkpoints_come_when_published() {
    let golden = Golden::read();
    for (steps, points) in golden.1["checkpoints"].as_object().unwrap() {
        let steps: u32 = steps.parse().unwrap();
        let mut checkpoints = Checkpoints::new(steps);
        let mine: Vec<u32> = (1..=steps).filter(|_| checkpoints.count().is_some()).collect();
        assert_eq!(serde_json::json!(mine), *points, "{steps} steps");
    }
}

#[test]
fn the_differences_of_logits_ratio_are_those_of_the_formulas() {
    let golden = Golden::read();
    let (logits, labels) = (golden.get("loss.logits"), golden.get("loss.labels"));
    let plain = Loss::Dlr.per_image(logits, labels).unwrap();
    assert!(gap(&plain, golden.get("loss.dlr")) < 1e-5);
    let targeted = Loss::TargetedDlr(golden.get("loss.targets").shallow_clone()).per_image(logits, labels).unwrap();
    assert!(gap(&targeted, golden.get("loss.targeted")) < 1e-5);
}

#[test]
fn projections_find_the_nearest_point() {
    let golden = Golden::read();
    let nearest = l1_ball_and_box(golden.get("l1.centre"), golden.get("l1.delta"), 4.0).unwrap();
    assert!(gap(&nearest, golden.get("l1.nearest")) < 1e-5);
    for (name, norm) in NORMS {
        let (point, normal) = (golden.get("plane.point"), golden.get("plane.normal"));
        let step = onto_plane(norm, point, normal, &golden.get("plane.offset").unsqueeze(1)).unwrap();
        let theirs = golden.get(&format!("plane.{name}"));
        assert!(gap(&step, theirs) < 1e-5, "{name}: {}", gap(&step, theirs));
    }
}

#[test]
fn fab_takes_the_steps_of_the_formulas() {
    let golden = Golden::read();
    let net = Net::of(&golden);
    let (clean, labels) = (golden.get("clean"), golden.get("labels"));
    let target = target_class(&net.logits(clean).unwrap(), labels, 0).unwrap();
    assert_eq!(&target, golden.get("fab.target"));
    for (name, norm) in NORMS {
        let mut point = clean.shallow_clone();
        for step in 0..4 {
            let loss = Loss::TargetedMargin(target.shallow_clone());
            let (logits, normal) = pgd::gradient(&net, &point, labels, &loss).unwrap();
            let distance = loss.per_image(&logits, labels).unwrap().unsqueeze(1);
            point = fab::advance(norm, clean, &point, &distance, &normal).unwrap();
            let theirs = golden.get(&format!("fab.{name}")).get(step);
            assert!(gap(&point, &theirs) < 1e-5, "{name} step {step}: {}", gap(&point, &theirs));
            let right = is_right(&net.logits(&point).unwrap(), labels).unwrap();
            let back = clean + (&point - clean) * 0.9;
            point = point.where_self(&right.view([-1, 1, 1, 1]), &back);
        }
    }
}

#[test]
fn square_windows_and_bumps_have_the_published_shapes() {
    let golden = Golden::read();
    for entry in golden.1["squareShare"].as_array().unwrap() {
        let share = square::share(entry[0].as_u64().unwrap() as u32);
        assert!((share - entry[1].as_f64().unwrap()).abs() < 1e-12, "{entry}");
    }
    for (name, norm) in [("l2", Norm::L2), ("l1", Norm::L1)] {
        for side in [3i64, 7, 12] {
            let theirs = golden.get(&format!("bump.{name}.{side}"));
            for draw in 0..4 {
                let mine = square_bumps::bump(norm, side, &mut rng::stream(0, "golden", &[draw]));
                let mine = Tensor::from_slice(&mine).view([side, side]);
                let upright = gap(&mine, theirs).min(gap(&mine.transpose(0, 1), theirs));
                assert!(upright < 1e-6, "{name} {side}");
            }
        }
    }
    assert_eq!(golden.get("bump.l2.7").kind(), Kind::Float);
}
