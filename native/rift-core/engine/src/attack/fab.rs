//! FAB, the fast adaptive boundary attack (Croce & Hein 2020): steps onto the linearised decision boundary, biased
//! towards the original, and back again from every adversarial point. Finds small perturbations; those within ε count.
//!
//! Differences from the published code: an image leaves at its first adversarial point within ε that the float32
//! network confirms, instead of being driven closer to its original; the untargeted form is the targeted one towards
//! the class whose linearised boundary is nearest at each step, with the same numbers.

use tch::{Kind, Tensor};

use super::apgd::targets;
use super::loss::{is_right, Loss};
use super::norms;
use super::pgd::{self, Batch};
use super::projection::onto_plane;
use super::robust::{Attacked, Pair};
use super::rows::{keep_rows, Rows};
use super::stage::Stage;
use super::tries::Tries;
use crate::control::Control;
use crate::error::Result;
use crate::net::Classifier;
use crate::rng;
use crate::spec::{Norm, ThreatModel};

/// Largest weight of the step from the original (α).
const BIAS: f64 = 0.1;
/// Overshoot over the boundary (η).
const OVERSHOOT: f64 = 1.05;
/// Share of the perturbation kept at an adversarial point (β).
const BACK: f64 = 0.9;

/// Attacks every row; a pass has one target class, and begins at the original at restart 0, at noise later.
pub fn attempt(pair: &Pair<'_>, tries: &Tries, stage: &Stage, seed: u64, control: &Control) -> Result<Attacked> {
    let model = stage.spec.threat_model;
    let mut rows = Rows::new(pair, tries, stage.spec.to_the_end)?;
    let mut target = if stage.is_targeted() { Some(targets(pair, tries, stage)?) } else { None };
    let mut point = tries.each_pass(|batch, pass| match stage.target_and_restart(pass) {
        (_, 0) => Ok(batch.images.f_detach()?),
        _ => start(model, batch, seed, pass),
    })?;
    for step in 0..stage.spec.steps {
        if rows.is_empty() {
            break;
        }
        control.check()?;
        rows.count_step();
        let (gap, normal) = boundary(pair.fast, &point, rows.labels(), target.as_ref(), model.norm)?;
        if step == 0 {
            rows.count_zero_gradients(&normal)?;
        }
        point = advance(model.norm, rows.clean(), &point, &gap, &normal)?;
        let logits = tch::no_grad(|| pair.fast.logits(&point))?;
        let fooled = is_right(&logits, rows.labels())?.f_logical_not()?;
        let size = norms::per_image(model.norm, &point.f_sub(rows.clean())?)?;
        let near = fooled.f_logical_and(&size.f_le(model.epsilon)?.f_view([-1])?)?;
        let back = rows.clean().f_add(&point.f_sub(rows.clean())?.f_mul_scalar(BACK)?)?;
        let mut next = back.f_where_self(&fooled.f_view([-1, 1, 1, 1])?, &point)?;
        let stay = rows.drop_claimed(&point, &near)?;
        keep_rows(stay.as_ref(), &mut [&mut next])?;
        if let (Some(target), Some(stay)) = (&mut target, &stay) {
            *target = target.f_index_select(0, stay)?;
        }
        point = next;
    }
    // The last points may lie outside the ball; only those that succeeded were kept on the way.
    let clean = rows.clean().shallow_clone();
    rows.finish(&clean)
}

/// Random point at most ε/2 from the original, inside the box.
fn start(model: ThreatModel, batch: &Batch<'_>, seed: u64, pass: u64) -> Result<Tensor> {
    let shape = &batch.images.size()[1..];
    let direction = match model.norm {
        Norm::Linf => rng::uniform_per_image(seed, "fab start", batch.ids, pass, shape, -1.0, 1.0)?,
        Norm::L2 | Norm::L1 => rng::normal_per_image(seed, "fab start", batch.ids, pass, shape)?,
    };
    let size = norms::per_image(model.norm, &direction)?.f_add_scalar(1e-12)?;
    let delta = direction.f_div(&size)?.f_mul_scalar(model.epsilon * 0.5)?.f_to_device(batch.images.device())?;
    Ok(batch.images.f_add(&delta)?.f_clamp(0.0, 1.0)?)
}

/// Logit of the target less the label's, [N, 1], and its gradient [N, C, H, W] at `point`; without a target for the
/// class t whose linearised boundary is nearest in `norm`.
fn boundary(
    model: &dyn Classifier, point: &Tensor, labels: &Tensor, target: Option<&Tensor>, norm: Norm,
) -> Result<(Tensor, Tensor)> {
    if let Some(target) = target {
        let loss = Loss::TargetedMargin(target.shallow_clone());
        let (logits, gradient) = pgd::gradient(model, point, labels, &loss)?;
        return Ok((loss.per_image(&logits, labels)?.f_unsqueeze(1)?, gradient));
    }
    let leaf = point.f_detach()?.f_set_requires_grad(true)?;
    let logits = model.logits(&leaf)?;
    let classes = logits.size()[1];
    let mut nearest: Option<(Tensor, Tensor, Tensor)> = None;
    for class in 0..classes {
        let target = labels.f_full_like(class)?;
        let value = Loss::TargetedMargin(target.shallow_clone()).per_image(&logits, labels)?;
        let keep = class + 1 < classes;
        let gradient = Tensor::f_run_backward(&[value.f_sum(Kind::Float)?], &[&leaf], keep, false)?.swap_remove(0);
        let value = value.f_detach()?;
        let distance = value.f_abs()?.f_div(&dual_size(norm, &gradient)?.f_add_scalar(1e-12)?)?;
        let distance = distance.f_masked_fill(&labels.f_eq_tensor(&target)?, f64::INFINITY)?;
        nearest = Some(match nearest {
            None => (distance, value, gradient),
            Some((least, old_value, old_gradient)) => {
                let closer = distance.f_lt_tensor(&least)?;
                (
                    distance.f_where_self(&closer, &least)?,
                    value.f_where_self(&closer, &old_value)?,
                    gradient.f_where_self(&closer.f_view([-1, 1, 1, 1])?, &old_gradient)?,
                )
            }
        });
    }
    let (_, value, gradient) =
        nearest.ok_or_else(|| crate::error::EngineError::Internal("a network without classes".into()))?;
    Ok((value.f_unsqueeze(1)?, gradient))
}

/// Norm dual to `norm` per image, [N].
fn dual_size(norm: Norm, gradient: &Tensor) -> Result<Tensor> {
    let dual = match norm {
        Norm::Linf => Norm::L1,
        Norm::L2 => Norm::L2,
        Norm::L1 => Norm::Linf,
    };
    Ok(norms::per_image(dual, gradient)?.f_view([-1])?)
}

/// One step: from `point` and from the original onto the linearised boundary, and between the two.
pub fn advance(norm: Norm, clean: &Tensor, point: &Tensor, gap: &Tensor, normal: &Tensor) -> Result<Tensor> {
    let (flat, original, normal) = (point.f_flatten(1, -1)?, clean.f_flatten(1, -1)?, normal.f_flatten(1, -1)?);
    let product = normal.f_mul(&flat)?.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?;
    let offset = product.f_sub(&gap.f_to_kind(Kind::Double)?)?;
    let here = onto_plane(norm, &flat, &normal, &offset)?.f_view_as(point)?;
    let there = onto_plane(norm, &original, &normal, &offset)?.f_view_as(point)?;
    let near = norms::per_image(norm, &here)?.f_clamp_min(1e-8)?;
    let far = norms::per_image(norm, &there)?.f_clamp_min(1e-8)?;
    let bias = near.f_div(&near.f_add(&far)?)?.f_clamp_max(BIAS)?;
    let from_here = point.f_add(&here.f_mul_scalar(OVERSHOOT)?)?.f_mul(&bias.f_neg()?.f_add_scalar(1.0)?)?;
    let from_there = clean.f_add(&there.f_mul_scalar(OVERSHOOT)?)?.f_mul(&bias)?;
    Ok(from_here.f_add(&from_there)?.f_clamp(0.0, 1.0)?)
}
