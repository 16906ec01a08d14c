//! Crafting and update loss of each training method.

use tch::{Device, Tensor};

use crate::attack::loss::{is_right, Loss};
use crate::attack::{pgd, Batch};
use crate::compute::Compute;
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::net::{BatchNorm, Classifier, Executor, Network};
use crate::rng;
use crate::spec::{TrainMethod, TrainSpec};

/// Loss of one update and which images it got right.
pub struct Update {
    /// Scalar to descend.
    pub loss: Tensor,
    /// Bool [N]: classified right on the images that were trained on.
    pub right: Tensor,
}

/// The network in train mode as an attack sees it; the running statistics move as the reference codes let them.
struct TrainMode<'a>(&'a Executor, Device);

impl Classifier for TrainMode<'_> {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.0.forward(images, BatchNorm::Train)
    }

    fn device(&self) -> Device {
        self.1
    }
}

/// Training images of one batch.
pub fn craft(
    network: &Network, executor: &Executor, batch: &Batch<'_>, spec: &TrainSpec, epoch: u32, compute: &Compute,
    control: &Control,
) -> Result<Tensor> {
    if spec.method == TrainMethod::Standard {
        return Ok(batch.images.shallow_clone());
    }
    let seed = rng::derive(u64::from(spec.seed), "craft", &[u64::from(epoch)]);
    if spec.craft_in_train_mode {
        let model = TrainMode(executor, compute.device);
        return pgd::last_iterate(&model, batch, &Loss::CrossEntropy, &spec.attack, seed, 0, control);
    }
    let plan = compute.fast_plan(network)?;
    pgd::last_iterate(&plan, batch, &Loss::CrossEntropy, &spec.attack, seed, 0, control)
}

/// Loss to descend on a batch and its crafted images.
pub fn update_loss(
    executor: &Executor, crafted: &Tensor, labels: &Tensor, spec: &TrainSpec, mode: BatchNorm,
) -> Result<Update> {
    match spec.method {
        TrainMethod::Pgd | TrainMethod::Standard => {
            let logits = executor.forward(crafted, mode)?;
            let loss = logits.f_cross_entropy_loss(
                labels,
                None::<Tensor>,
                tch::Reduction::Mean,
                -100,
                spec.label_smoothing,
            )?;
            Ok(Update { right: is_right(&logits.f_detach()?, labels)?, loss })
        }
        other => Err(EngineError::invalid("method", format!("{other:?}"), "is not available yet; use PGD or STANDARD")),
    }
}
