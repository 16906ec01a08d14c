//! One step of training: craft, perturb the weights where the method does, descend the loss, take the perturbation back.

use tch::{Kind, Tensor};

use super::awp;
use super::batches::Images;
use super::craft::craft;
use super::losses;
use super::optimizer::{Pace, Sgd};
use super::parameters::Parameter;
use crate::attack::loss::is_right;
use crate::attack::Batch;
use crate::compute::Compute;
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::net::{BatchNorm, Forward, Network};
use crate::spec::TrainSpec;

/// What a step works on.
pub struct Step<'a> {
    /// The network, whose state the parameters share.
    pub network: &'a Network,
    /// The same, bound for training.
    pub executor: &'a dyn Forward,
    /// What moves.
    pub parameters: &'a [Parameter],
    /// Settings.
    pub spec: &'a TrainSpec,
    /// Batch norm in the forwards of the loss.
    pub mode: BatchNorm,
    /// Epoch, from 0.
    pub epoch: u32,
    /// How far to go.
    pub pace: Pace,
}

/// What a step came to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// Mean loss of the batch.
    pub loss: f64,
    /// Images classified right as they were trained on.
    pub right: u64,
}

impl Step<'_> {
    /// Takes the step.
    pub fn take(&self, read: &Images, optimizer: &mut Sgd, compute: &Compute, control: &Control) -> Result<Outcome> {
        let spec = self.spec;
        let (images, labels) = (read.images.f_to_device(compute.device)?, read.labels.f_to_device(compute.device)?);
        let batch = Batch { images: &images, labels: &labels, ids: &read.ids };
        let crafted = craft(self.network, self.executor, &batch, spec, self.epoch, compute, control)?;
        self.update(&images, &crafted, &labels, optimizer)
    }

    /// Moves the parameters for a batch and its crafted images.
    pub fn update(&self, images: &Tensor, crafted: &Tensor, labels: &Tensor, optimizer: &mut Sgd) -> Result<Outcome> {
        let spec = self.spec;
        let perturbation = if spec.method.perturbs_weights() && self.epoch >= spec.awp_warmup {
            let (loss, _) = self.loss(images, crafted, labels, BatchNorm::TrainUntracked)?;
            let weights = awp::perturbed(self.parameters);
            let gradients = Tensor::f_run_backward(&[&loss], &weights, false, false)?;
            Some(awp::perturb(&weights, &gradients, spec.awp_gamma)?)
        } else {
            None
        };
        let (loss, logits) = self.loss(images, crafted, labels, self.mode)?;
        let value = f64::try_from(&loss.f_detach()?)?;
        if !value.is_finite() {
            return Err(EngineError::Numeric {
                place: format!("training loss, epoch {}", self.epoch + 1),
                detail: "lower learningRate or train in --precision fp32".into(),
            });
        }
        if spec.clean_forwards.before() {
            self.clean_forward(images)?;
        }
        let tensors: Vec<&Tensor> = self.parameters.iter().map(|parameter| &parameter.tensor).collect();
        let gradients = Tensor::f_run_backward(&[&loss], &tensors, false, false)?;
        optimizer.step(self.parameters, &gradients, self.pace)?;
        if let Some(perturbation) = perturbation {
            perturbation.restore()?;
        }
        if spec.clean_forwards.after() {
            self.clean_forward(images)?;
        }
        let right = i64::try_from(&is_right(&logits, labels)?.f_sum(Kind::Int64)?)? as u64;
        Ok(Outcome { loss: value, right })
    }

    /// The loss, and the logits of the crafted images without their graph. Clean and crafted images go through separately,
    /// each with batch statistics of its own, in the order of the reference code.
    fn loss(&self, images: &Tensor, crafted: &Tensor, labels: &Tensor, mode: BatchNorm) -> Result<(Tensor, Tensor)> {
        let method = self.spec.method;
        let forward = |batch: &Tensor| self.executor.forward(batch, mode);
        let (clean, adversarial) = if !losses::needs_clean(method) {
            let logits = forward(crafted)?;
            (logits.shallow_clone(), logits)
        } else if losses::clean_first(method) {
            let clean = forward(images)?;
            (clean, forward(crafted)?)
        } else {
            let adversarial = forward(crafted)?;
            (forward(images)?, adversarial)
        };
        let loss = losses::training_loss(&clean, &adversarial, labels, self.spec)?;
        Ok((loss, adversarial.f_detach()?))
    }

    fn clean_forward(&self, images: &Tensor) -> Result<()> {
        let _ = tch::no_grad(|| self.executor.forward(images, BatchNorm::Train))?;
        Ok(())
    }
}
