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
    /// int64 [N]: gradient steps or queries taken.
    pub steps: Tensor,
    /// int64 [N]: starts at which the gradient was zero everywhere.
    pub zero_gradients: Tensor,
}

impl Attacked {
    /// The images `rows` (int64).
    pub fn select(&self, rows: &Tensor) -> Result<Self> {
        let of = |tensor: &Tensor| tensor.f_index_select(0, rows);
        Ok(Self {
            images: of(&self.images)?,
            robust: of(&self.robust)?,
            loss: of(&self.loss)?,
            steps: of(&self.steps)?,
            zero_gradients: of(&self.zero_gradients)?,
        })
    }

    /// Batches one under the other.
    pub fn together(parts: &[Self]) -> Result<Self> {
        let of = |tensor: fn(&Self) -> &Tensor| Tensor::f_cat(&parts.iter().map(tensor).collect::<Vec<_>>(), 0);
        Ok(Self {
            images: of(|part| &part.images)?,
            robust: of(|part| &part.robust)?,
            loss: of(|part| &part.loss)?,
            steps: of(|part| &part.steps)?,
            zero_gradients: of(|part| &part.zero_gradients)?,
        })
    }
}

/// A batch after an attack or list.
pub struct Perturbed {
    /// As in [`Attacked`], of all attacks together.
    pub images: Tensor,
    /// Bool [N]: still classified right.
    pub robust: Tensor,
    /// Float32 [N]: cross-entropy at `images`.
    pub loss: Tensor,
}

/// Attacks a batch with any attack or list. Images that the network gets wrong as they are count as fallen and stay
/// unchanged, unless the attack runs to the end. An image's result depends on its pixels, its id and `seed`, not on the
/// batch it is in, as far as libtorch's kernels do not.
pub fn attack(
    pair: &Pair<'_>, batch: &Batch<'_>, spec: &AttackSpec, seed: u64, control: &Control,
) -> Result<Perturbed> {
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
    Ok(Perturbed { images, robust, loss })
}
