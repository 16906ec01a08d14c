//! Projected gradient descent (Madry et al. 2018) and its one-step and margin forms, over any norm.
//!
//! Threat model: ‖δ‖ ≤ ε and x + δ in [0,1]; images float32 [N, 3, H, W] in [0,1]. δ₀ uniform in the ball (or 0),
//! clipped to the image box; δ ← Π(δ + α·direction(∇ loss)). Signs and steps as in docs/method.md, "PGD".

use tch::Tensor;

use super::loss::Loss;
use super::norms;
use super::projection::l1_ball_and_box;
use super::robust::{Attacked, Pair};
use super::rows::{keep_rows, Rows};
use super::tries::Tries;
use crate::control::Control;
use crate::error::Result;
use crate::lanes::{self, spans};
use crate::net::Classifier;
use crate::spec::{AttackKind, AttackSpec, Norm};

/// Images under attack.
pub struct Batch<'a> {
    /// float32 [N, 3, H, W] in [0,1].
    pub images: &'a Tensor,
    /// int64 [N].
    pub labels: &'a Tensor,
    /// Index of each image in its data set, which keys its randomness.
    pub ids: &'a [u64],
}

/// Attacks every row: with `to_the_end` the last iterates, otherwise each image
/// only up to the first iterate that fools the network.
pub fn attempt(pair: &Pair<'_>, tries: &Tries, spec: &AttackSpec, seed: u64, control: &Control) -> Result<Attacked> {
    let loss = if spec.kind == AttackKind::Cw { Loss::Margin } else { Loss::CrossEntropy };
    let mut rows = Rows::new(pair, tries, spec.to_the_end)?;
    let mut current = tries.each_pass(|batch, restart| start(batch, spec, seed, restart))?;
    for at in 0..spec.steps {
        control.check()?;
        if rows.is_empty() {
            break;
        }
        rows.count_step();
        let (logits, gradient) = gradient(pair.fast, &current, rows.labels(), &loss)?;
        if at == 0 {
            rows.count_zero_gradients(&gradient)?;
        }
        let next = step(rows.clean(), &current, &gradient, spec)?;
        let stay = if spec.to_the_end { None } else { rows.drop_fallen(&current, &logits)? };
        current = next;
        keep_rows(stay.as_ref(), &mut [&mut current])?;
    }
    rows.finish(&current)
}

/// First iterate x₀ + δ₀ inside ball and box.
pub fn start(batch: &Batch<'_>, spec: &AttackSpec, seed: u64, restart: u64) -> Result<Tensor> {
    if !spec.random_start {
        return Ok(batch.images.f_detach()?);
    }
    let model = spec.threat_model;
    let shape = batch.images.size();
    let delta = norms::random_start(model.norm, model.epsilon, &shape, batch.ids, seed, restart)?;
    Ok(batch.images.f_add(&delta.f_to_device(batch.images.device())?)?.f_clamp(0.0, 1.0)?)
}

/// Logits (detached) and the gradient of the summed loss at `images`; spread over the model's lanes where it has some.
pub fn gradient(model: &dyn Classifier, images: &Tensor, labels: &Tensor, loss: &Loss) -> Result<(Tensor, Tensor)> {
    if model.lanes().is_empty() {
        return gradient_of(|leaf| model.logits(leaf), images, labels, loss);
    }
    let parts = spans(images.size()[0], model.lanes().len())
        .into_iter()
        .zip(model.lanes())
        .map(|((first, rows), lane)| {
            let part = |tensor: &Tensor| tensor.f_narrow(0, first, rows);
            let (images, labels, loss) = (part(images)?, part(labels)?, loss.narrow(first, rows)?);
            let lane = lane.clone();
            Ok(move || gradient_of(|leaf| lane.logits(leaf), &images, &labels, &loss))
        })
        .collect::<Result<Vec<_>>>()?;
    let (logits, gradients): (Vec<Tensor>, Vec<Tensor>) = lanes::run(parts)?.into_iter().unzip();
    Ok((Tensor::f_cat(&logits, 0)?, Tensor::f_cat(&gradients, 0)?))
}

fn gradient_of(
    model: impl Fn(&Tensor) -> Result<Tensor>, images: &Tensor, labels: &Tensor, loss: &Loss,
) -> Result<(Tensor, Tensor)> {
    let leaf = images.f_detach()?.f_set_requires_grad(true)?;
    let logits = model(&leaf)?;
    let total = loss.per_image(&logits, labels)?.f_sum(tch::Kind::Float)?;
    let mut gradients = Tensor::f_run_backward(&[total], &[&leaf], false, false)?;
    Ok((logits.f_detach()?, gradients.swap_remove(0)))
}

/// One ascent step from `current`, projected onto the ball round `clean` and the image box. In the L1 ball the step goes
/// along the steepest hundredth of the pixels that can still move (sparse descent, Tramèr & Boneh 2019): a single one
/// soon reaches the box.
pub fn step(clean: &Tensor, current: &Tensor, gradient: &Tensor, spec: &AttackSpec) -> Result<Tensor> {
    let model = spec.threat_model;
    let sparse = model.norm == Norm::L1;
    let direction = if sparse {
        let count = (clean.size()[1..].iter().product::<i64>() / 100).max(1);
        norms::sparsest(&within_box(current, gradient)?, count)?
    } else {
        norms::steepest(model.norm, gradient)?
    };
    let moved = current.f_add(&direction.f_mul_scalar(spec.step_size)?)?.f_sub(clean)?;
    let inside = if sparse {
        l1_ball_and_box(clean, &moved, model.epsilon)?
    } else {
        norms::project(model.norm, model.epsilon, &moved)?
    };
    Ok(clean.f_add(&inside)?.f_clamp(0.0, 1.0)?)
}

/// The gradient without the pixels that it would push out of the image box.
fn within_box(current: &Tensor, gradient: &Tensor) -> Result<Tensor> {
    let low = current.f_le(0.0)?.f_logical_and(&gradient.f_lt(0.0)?)?;
    let high = current.f_ge(1.0)?.f_logical_and(&gradient.f_gt(0.0)?)?;
    Ok(gradient.f_masked_fill(&low.f_logical_or(&high)?, 0.0)?)
}
