//! Stochastic gradient descent with momentum, weight decay and Nesterov's form, to PyTorch's conventions:
//! d = g + wd·p; buf = d at the first step, then m·buf + d; p −= lr·(nesterov ? d + m·buf : buf).

use tch::Tensor;

use super::parameters::Parameter;
use crate::checkpoint::StateDict;
use crate::error::Result;
use crate::spec::OptimizerSpec;

/// Optimizer state: one momentum buffer per parameter, by name.
pub struct Sgd {
    weight_decay: f64,
    nesterov: bool,
    /// Momentum buffers; empty before the first step.
    pub buffers: StateDict,
}

/// How far one step goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pace {
    /// Learning rate.
    pub rate: f64,
    /// Momentum.
    pub momentum: f64,
}

impl Sgd {
    /// No step taken yet.
    pub fn new(spec: &OptimizerSpec) -> Self {
        Self { weight_decay: spec.weight_decay, nesterov: spec.nesterov, buffers: StateDict::new() }
    }

    /// Moves each parameter along its gradient.
    pub fn step(&mut self, parameters: &[Parameter], gradients: &[Tensor], pace: Pace) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (Parameter { name, tensor, decays }, gradient) in parameters.iter().zip(gradients) {
            let mut direction = gradient.shallow_clone();
            if self.weight_decay != 0.0 && *decays {
                direction = direction.f_add(&tensor.f_mul_scalar(self.weight_decay)?)?;
            }
            if pace.momentum != 0.0 {
                let buffer = if let Some(buffer) = self.buffers.get(name) {
                    buffer.shallow_clone().f_mul_scalar_(pace.momentum)?.f_add_(&direction)?
                } else {
                    let first = direction.f_detach_copy()?;
                    self.buffers.insert(name.as_str(), first.shallow_clone());
                    first
                };
                direction = if self.nesterov { direction.f_add(&buffer.f_mul_scalar(pace.momentum)?)? } else { buffer };
            }
            let _ = tensor.shallow_clone().f_sub_(&direction.f_mul_scalar(pace.rate)?)?;
        }
        Ok(())
    }
}
