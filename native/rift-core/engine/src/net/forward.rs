//! What both kinds of network can do: give logits in any mode of batch norm.

use std::sync::{Arc, Mutex, PoisonError};

use tch::{Device, Tensor};

use super::exec::{BatchNorm, Executor};
use crate::error::Result;

/// A network bound to tensors that training may move: a graph of operators or a TorchScript program.
pub trait Forward: Send {
    /// Logits (float32, [N, classes]) of float32 images in [0,1]; differentiable in the images and in bound weights.
    fn forward(&self, images: &Tensor, mode: BatchNorm) -> Result<Tensor>;
}

impl Forward for Executor {
    fn forward(&self, images: &Tensor, mode: BatchNorm) -> Result<Tensor> {
        Executor::forward(self, images, mode)
    }
}

/// Anything that gives class scores for images: what attacks and evaluation need of a network.
pub trait Classifier {
    /// Logits (float32, [N, classes]) of float32 images in [0,1] ([N, 3, H, W]); differentiable in the images.
    fn logits(&self, images: &Tensor) -> Result<Tensor>;

    /// Device on which images are expected.
    fn device(&self) -> Device;

    /// Copies for lanes that each take a part of the rows; none where a batch is better left whole.
    fn lanes(&self) -> &[LaneModel] {
        &[]
    }
}

/// A network in evaluation mode that a lane may use; it has no lanes itself.
#[derive(Clone)]
pub struct LaneModel {
    executor: Arc<Mutex<Executor>>,
    device: Device,
}

impl LaneModel {
    /// Takes the network, whose tensors lie on `device`.
    pub fn new(executor: Executor, device: Device) -> Self {
        Self { executor: Arc::new(Mutex::new(executor)), device }
    }
}

impl Classifier for LaneModel {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.executor.lock().unwrap_or_else(PoisonError::into_inner).forward(images, BatchNorm::Eval)
    }

    fn device(&self) -> Device {
        self.device
    }
}
