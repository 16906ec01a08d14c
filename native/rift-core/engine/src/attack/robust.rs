//! What attacks work on and give back, and the attack on one batch.

use tch::Tensor;

use super::pgd::Batch;
use super::runner::{class_count, Runner, Source};
use super::stage;
use crate::control::Control;
use crate::error::Result;
use crate::net::Classifier;
use crate::spec::AttackSpec;

/// A network twice: for iterates, perhaps in half precision, and as it is, for every judgement.
pub struct Pair<'a> {
    /// Makes iterates.
    pub fast: &'a dyn Classifier,
    /// Judges.
    pub judge: &'a dyn Classifier,
}

/// What became of a batch.
pub struct Attacked {
    /// Adversarial images, float32: for an image that fell, a point that fools the network; for a survivor, the last or
    /// best point.
    pub images: Tensor,
    /// Bool [N]: still classified right in every restart.
    pub robust: Tensor,
    /// Float32 [N]: cross-entropy at `images`.
    pub loss: Tensor,
    /// Gradient steps or queries, summed over images.
    pub image_steps: u64,
    /// Images whose gradient at the start was zero everywhere, summed over restarts.
    pub zero_gradients: u64,
}

/// Attacks a batch with any attack or list. Images that the network gets wrong as they are count as fallen and stay
/// unchanged, unless the attack runs to the end. An image's result depends on its pixels, its id and `seed`, not on the
/// batch it is in, as far as libtorch's kernels do not.
pub fn attack(pair: &Pair<'_>, batch: &Batch<'_>, spec: &AttackSpec, seed: u64, control: &Control) -> Result<Attacked> {
    let source = Source::Batch(batch);
    let (stages, _) = stage::stages(spec, class_count(pair, &source)?)?;
    let mut runner = Runner::new(pair, source, spec, seed, (batch.ids.len() as i64).max(1), true)?;
    runner.run(&stages, control, &mut |_| Ok(()))?;
    let ledger = runner.into_ledger();
    let (robust, loss) = ledger.tensors(batch.images.device())?;
    let images = match ledger.images {
        Some(images) => images,
        None => batch.images.f_detach_copy()?,
    };
    Ok(Attacked { images, robust, loss, image_steps: ledger.image_steps, zero_gradients: 0 })
}
