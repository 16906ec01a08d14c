//! Which images survive an attack: the survivors' loop. An image leaves it at the first iterate that the float32 network
//! misclassifies, so each image is judged by its worst restart, and work is spent on survivors only.

use tch::{Device, Kind, Tensor};

use super::loss::{cross_entropy, is_right, Loss};
use super::pgd::{self, Batch};
use crate::control::Control;
use crate::error::Result;
use crate::net::Classifier;
use crate::spec::{AttackKind, AttackSpec};

/// A network twice: for iterates, perhaps in half precision, and as it is, for every judgement.
pub struct Pair<'a> {
    /// Makes iterates.
    pub fast: &'a dyn Classifier,
    /// Judges.
    pub judge: &'a dyn Classifier,
}

/// What became of a batch.
pub struct Attacked {
    /// Adversarial images, float32: for an image that fell, the iterate that fooled the network; for a survivor, the last.
    pub images: Tensor,
    /// Bool [N]: still classified right in every restart.
    pub robust: Tensor,
    /// Float32 [N]: cross-entropy at `images`.
    pub loss: Tensor,
    /// Image-steps computed.
    pub image_steps: u64,
}

/// Loss that `kind` maximises.
pub fn loss_of(kind: AttackKind) -> Loss {
    if kind == AttackKind::Cw { Loss::Margin } else { Loss::CrossEntropy }
}

/// Attacks a batch with FGSM, PGD or CW. Images that the network gets wrong as they are count as fallen and stay
/// unchanged, unless the attack runs to the end.
pub fn attack(pair: &Pair<'_>, batch: &Batch<'_>, spec: &AttackSpec, seed: u64, control: &Control) -> Result<Attacked> {
    let loss = loss_of(spec.kind);
    if spec.to_the_end { to_the_end(pair, batch, spec, seed, &loss, control) } else { survivors(pair, batch, spec, seed, &loss, control) }
}

fn to_the_end(
    pair: &Pair<'_>, batch: &Batch<'_>, spec: &AttackSpec, seed: u64, loss: &Loss, control: &Control,
) -> Result<Attacked> {
    let mut best: Option<(Tensor, Tensor, Tensor)> = None;
    for restart in 0..spec.restarts {
        let images = pgd::last_iterate(pair.fast, batch, loss, spec, seed, u64::from(restart), control)?;
        let logits = tch::no_grad(|| pair.judge.logits(&images))?;
        let right = is_right(&logits, batch.labels)?;
        let value = cross_entropy(&logits, batch.labels)?;
        best = Some(match best {
            None => (images, right, value),
            Some((old_images, old_right, old_value)) => {
                // A restart that fools beats one that does not; among equals the higher loss wins, later on ties.
                let gains = old_right.f_logical_and(&right.f_logical_not()?)?;
                let equal = old_right.f_eq_tensor(&right)?.f_logical_and(&value.f_ge_tensor(&old_value)?)?;
                let take = gains.f_logical_or(&equal)?;
                let wide = take.f_view([-1, 1, 1, 1])?;
                (
                    images.f_where_self(&wide, &old_images)?,
                    right.f_logical_and(&old_right)?,
                    value.f_where_self(&take, &old_value)?,
                )
            }
        });
    }
    let (images, robust, loss) = best.ok_or_else(|| crate::error::EngineError::invalid("restarts", 0, "must be at least 1"))?;
    let image_steps = batch.ids.len() as u64 * u64::from(spec.steps) * u64::from(spec.restarts);
    Ok(Attacked { images, robust, loss, image_steps })
}

fn survivors(
    pair: &Pair<'_>, batch: &Batch<'_>, spec: &AttackSpec, seed: u64, loss: &Loss, control: &Control,
) -> Result<Attacked> {
    let mut images = batch.images.f_detach_copy()?;
    let clean_logits = tch::no_grad(|| pair.judge.logits(batch.images))?;
    let mut values = cross_entropy(&clean_logits, batch.labels)?;
    let mut robust = is_right(&clean_logits, batch.labels)?;
    let mut image_steps = 0u64;
    for restart in 0..spec.restarts {
        let mut active = rows_where(&robust)?;
        if active.numel() == 0 {
            break;
        }
        let ids: Vec<u64> = Vec::<i64>::try_from(&active)?.into_iter().map(|row| batch.ids[row as usize]).collect();
        let clean = batch.images.f_index_select(0, &active)?;
        let labels = batch.labels.f_index_select(0, &active)?;
        let first = Batch { images: &clean, labels: &labels, ids: &ids };
        let mut current = pgd::start(&first, spec, seed, u64::from(restart))?;
        let (mut clean, mut labels) = (clean, labels);
        for _ in 0..spec.steps {
            control.check()?;
            image_steps += active.numel() as u64;
            let (logits, gradient) = pgd::gradient(pair.fast, &current, &labels, loss)?;
            let next = pgd::step(&clean, &current, &gradient, spec)?;
            let suspects = rows_where(&is_right(&logits, &labels)?.f_logical_not()?)?;
            let fell = record_fallen(pair, &current, &labels, &active, &suspects, (&mut images, &mut values, &mut robust))?;
            if fell == 0 {
                current = next;
                continue;
            }
            let stay = rows_where(&robust.f_index_select(0, &active)?)?;
            active = active.f_index_select(0, &stay)?;
            if active.numel() == 0 {
                break;
            }
            current = next.f_index_select(0, &stay)?;
            clean = clean.f_index_select(0, &stay)?;
            labels = labels.f_index_select(0, &stay)?;
        }
        if active.numel() > 0 {
            let every = Tensor::f_arange(active.numel() as i64, (Kind::Int64, current.device()))?;
            record_fallen(pair, &current, &labels, &active, &every, (&mut images, &mut values, &mut robust))?;
            keep_last(pair, &current, &labels, &active, (&mut images, &mut values, &robust))?;
        }
    }
    Ok(Attacked { images, robust, loss: values, image_steps })
}

/// Judges the rows `suspects` of `current` in float32 and records those that are misclassified. Returns how many.
fn record_fallen(
    pair: &Pair<'_>, current: &Tensor, labels: &Tensor, active: &Tensor, suspects: &Tensor,
    (images, values, robust): (&mut Tensor, &mut Tensor, &mut Tensor),
) -> Result<usize> {
    if suspects.numel() == 0 {
        return Ok(0);
    }
    let candidates = current.f_index_select(0, suspects)?;
    let their_labels = labels.f_index_select(0, suspects)?;
    let logits = tch::no_grad(|| pair.judge.logits(&candidates))?;
    let wrong = rows_where(&is_right(&logits, &their_labels)?.f_logical_not()?)?;
    let count = wrong.numel();
    if count > 0 {
        let target = active.f_index_select(0, &suspects.f_index_select(0, &wrong)?)?;
        let value = cross_entropy(&logits, &their_labels)?.f_index_select(0, &wrong)?;
        let _ = images.f_index_copy_(0, &target, &candidates.f_index_select(0, &wrong)?)?;
        let _ = values.f_index_copy_(0, &target, &value)?;
        let _ = robust.f_index_fill_(0, &target, 0)?;
    }
    Ok(count)
}

/// Keeps a survivor's last iterate when its loss is the highest of all restarts so far.
fn keep_last(
    pair: &Pair<'_>, current: &Tensor, labels: &Tensor, active: &Tensor,
    (images, values, robust): (&mut Tensor, &mut Tensor, &Tensor),
) -> Result<()> {
    let logits = tch::no_grad(|| pair.judge.logits(current))?;
    let value = cross_entropy(&logits, labels)?;
    let higher = value.f_ge_tensor(&values.f_index_select(0, active)?)?;
    let rows = rows_where(&higher.f_logical_and(&robust.f_index_select(0, active)?)?)?;
    let target = active.f_index_select(0, &rows)?;
    let _ = images.f_index_copy_(0, &target, &current.f_index_select(0, &rows)?)?;
    let _ = values.f_index_copy_(0, &target, &value.f_index_select(0, &rows)?)?;
    Ok(())
}

/// Row numbers (int64) at which a bool vector holds.
pub fn rows_where(mask: &Tensor) -> Result<Tensor> {
    Ok(mask.f_nonzero()?.f_view([-1])?)
}

/// Device of the judge, where batches belong.
pub fn device_of(pair: &Pair<'_>) -> Device {
    pair.judge.device()
}
