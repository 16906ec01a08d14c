//! Auto-PGD (Croce & Hein 2020; L1: 2021) on cross-entropy, difference of logits ratio and its targeted form.
//!
//! Threat model as in [`super::pgd`]. The loss is maximised from a random point by an [`Ascent`]; in the L1 ball in
//! three phases of radius 3ε, 2ε and ε with 30, 30 and 40 % of the iterations, each from the best point of the one
//! before. Differences from the published code: noise is drawn per image, and an image leaves at its first point inside
//! the ball that the float32 network misclassifies, which changes no robust accuracy.

use tch::{Kind, Tensor};

use super::ascent::{Ascent, AutoStep};
use super::loss::{target_class, Loss};
use super::norms;
use super::pgd::{self, Batch};
use super::projection::l1_ball_and_box;
use super::robust::{Attacked, Pair};
use super::rows::Rows;
use super::sparse_ascent::SparseStep;
use super::stage::Stage;
use super::tries::Tries;
use crate::control::Control;
use crate::error::Result;
use crate::net::Classifier;
use crate::rng;
use crate::spec::{AttackKind, Norm};

/// Attacks every row; a pass is one random start, of one target class in the targeted form.
pub fn attempt(pair: &Pair<'_>, tries: &Tries, stage: &Stage, seed: u64, control: &Control) -> Result<Attacked> {
    let mut loss = match stage.spec.kind {
        AttackKind::ApgdDlr => Loss::Dlr,
        AttackKind::ApgdT => Loss::TargetedDlr(targets(pair, tries, stage)?),
        _ => Loss::CrossEntropy,
    };
    let model = stage.spec.threat_model;
    let mut rows = Rows::new(pair, tries, stage.spec.to_the_end)?;
    let mut start = tries.each_pass(|batch, pass| start(model.norm, model.epsilon, batch, seed, pass))?;
    let phases = phases(model.norm, model.epsilon, stage.spec.steps);
    for (number, (epsilon, steps)) in phases.iter().enumerate() {
        let phase = Phase { epsilon: *epsilon, steps: *steps, counts: number + 1 == phases.len() };
        start = phase.run(pair.fast, stage, &mut rows, &start, &mut loss, control)?;
        if rows.is_empty() {
            break;
        }
    }
    rows.finish(&start)
}

/// Radius and iterations of each phase.
pub fn phases(norm: Norm, epsilon: f64, steps: u32) -> Vec<(f64, u32)> {
    if norm != Norm::L1 {
        return vec![(epsilon, steps)];
    }
    let early = (u64::from(steps) * 3).div_ceil(10) as u32;
    let (first, second) = (early.min(steps), early.min(steps.saturating_sub(early)));
    vec![(3.0 * epsilon, first), (2.0 * epsilon, second), (epsilon, steps - first - second)]
}

/// The class that each row aims at: by its pass the first, second, … of the other classes at the clean image, by the
/// network that judges.
pub fn targets(pair: &Pair<'_>, tries: &Tries, stage: &Stage) -> Result<Tensor> {
    tries.each_pass(|batch, pass| {
        let logits = tch::no_grad(|| pair.judge.logits(batch.images))?;
        target_class(&logits, batch.labels, stage.target_and_restart(pass).0)
    })
}

/// Random point on the sphere (L∞, L2) or Gaussian noise (L1, projected by the first phase), inside the box.
fn start(norm: Norm, epsilon: f64, batch: &Batch<'_>, seed: u64, noise: u64) -> Result<Tensor> {
    let shape = &batch.images.size()[1..];
    let direction = match norm {
        Norm::Linf => rng::uniform_per_image(seed, "apgd start", batch.ids, noise, shape, -1.0, 1.0)?,
        Norm::L2 | Norm::L1 => rng::normal_per_image(seed, "apgd start", batch.ids, noise, shape)?,
    };
    let direction = direction.f_to_device(batch.images.device())?;
    if norm == Norm::L1 {
        return Ok(batch.images.f_add(&direction)?);
    }
    let size = norms::per_image(norm, &direction)?.f_add_scalar(1e-12)?;
    Ok(batch.images.f_add(&direction.f_div(&size)?.f_mul_scalar(epsilon)?)?.f_clamp(0.0, 1.0)?)
}

struct Phase {
    epsilon: f64,
    steps: u32,
    /// Whether points are inside the threat model's ball, so that a misclassified one counts.
    counts: bool,
}

impl Phase {
    /// Ascends from `start`; returns the best point of the rows that are left.
    fn run(
        &self, model: &dyn Classifier, stage: &Stage, rows: &mut Rows<'_>, start: &Tensor, loss: &mut Loss,
        control: &Control,
    ) -> Result<Tensor> {
        let norm = stage.spec.threat_model.norm;
        let mut start = start.shallow_clone();
        if norm == Norm::L1 {
            let inside = l1_ball_and_box(rows.clean(), &start.f_sub(rows.clean())?, self.epsilon)?;
            start = rows.clean().f_add(&inside)?.f_clamp(0.0, 1.0)?;
        }
        control.check()?;
        let (mut logits, mut gradient) = mean_gradient(model, &start, rows, loss, stage.gradient_samples)?;
        if self.counts {
            rows.count_zero_gradients(&gradient)?;
        }
        if let Some(stay) = self.drop(rows, &start, &logits)? {
            (start, logits, gradient) = (at(&start, &stay)?, at(&logits, &stay)?, at(&gradient, &stay)?);
            *loss = loss.select(&stay)?;
        }
        let value = loss.per_image(&logits, rows.labels())?;
        let mut ascent: Box<dyn Ascent> = if norm == Norm::L1 {
            Box::new(SparseStep::new(self.epsilon, self.steps, rows.clean(), &start, &value, &gradient)?)
        } else {
            Box::new(AutoStep::new(norm, self.epsilon, self.steps, &start, &value, &gradient)?)
        };
        for step in 1..=self.steps {
            if rows.is_empty() {
                break;
            }
            control.check()?;
            let point = ascent.propose(rows.clean())?;
            // The gradient at the last point would lead nowhere.
            let (logits, gradient) = if step < self.steps {
                mean_gradient(model, &point, rows, loss, stage.gradient_samples)?
            } else {
                rows.count_step();
                (tch::no_grad(|| model.logits(&point))?, point.f_zeros_like()?)
            };
            let stay = self.drop(rows, &point, &logits)?;
            ascent.keep(stay.as_ref())?;
            if let Some(stay) = &stay {
                *loss = loss.select(stay)?;
            }
            let of_rows = |tensor: Tensor| stay.as_ref().map_or(Ok(tensor.shallow_clone()), |stay| at(&tensor, stay));
            let (logits, gradient) = (of_rows(logits)?, of_rows(gradient)?);
            ascent.accept(rows.clean(), &loss.per_image(&logits, rows.labels())?, &gradient)?;
        }
        Ok(ascent.best().shallow_clone())
    }

    fn drop(&self, rows: &mut Rows<'_>, point: &Tensor, logits: &Tensor) -> Result<Option<Tensor>> {
        if self.counts {
            rows.drop_fallen(point, logits)
        } else {
            Ok(None)
        }
    }
}

fn at(tensor: &Tensor, rows: &Tensor) -> Result<Tensor> {
    Ok(tensor.f_index_select(0, rows)?)
}

/// Logits of the last of `samples` evaluations and the mean of their gradients.
fn mean_gradient(
    model: &dyn Classifier, point: &Tensor, rows: &mut Rows<'_>, loss: &Loss, samples: u32,
) -> Result<(Tensor, Tensor)> {
    rows.count_step();
    let (mut logits, mut sum) = pgd::gradient(model, point, rows.labels(), loss)?;
    for _ in 1..samples {
        rows.count_step();
        let (again, gradient) = pgd::gradient(model, point, rows.labels(), loss)?;
        logits = again;
        sum = sum.f_add(&gradient)?;
    }
    let mean = if samples > 1 { sum.f_divide_scalar(f64::from(samples))? } else { sum };
    Ok((logits, mean.f_to_kind(Kind::Float)?))
}
