//! Stochastic gradient descent with momentum, weight decay and Nesterov's form, to PyTorch's conventions:
//! d = g + wd·p; buf = d at the first step, then m·buf + d; p −= lr·(nesterov ? d + m·buf : buf).

use tch::Tensor;

use crate::checkpoint::StateDict;
use crate::error::Result;
use crate::spec::OptimizerSpec;

/// Optimizer state: one momentum buffer per parameter, by name.
pub struct Sgd {
    momentum: f64,
    weight_decay: f64,
    nesterov: bool,
    /// Momentum buffers; empty before the first step.
    pub buffers: StateDict,
}

impl Sgd {
    /// No step taken yet.
    pub fn new(spec: &OptimizerSpec) -> Self {
        Self {
            momentum: spec.momentum,
            weight_decay: spec.weight_decay,
            nesterov: spec.nesterov,
            buffers: StateDict::new(),
        }
    }

    /// Moves each named parameter along its gradient.
    pub fn step(&mut self, parameters: &[(&str, &Tensor)], gradients: &[Tensor], rate: f64) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for ((name, parameter), gradient) in parameters.iter().zip(gradients) {
            let mut direction = gradient.shallow_clone();
            if self.weight_decay != 0.0 {
                direction = direction.f_add(&parameter.f_mul_scalar(self.weight_decay)?)?;
            }
            if self.momentum != 0.0 {
                let buffer = if let Some(buffer) = self.buffers.get(name) {
                    buffer.shallow_clone().f_mul_scalar_(self.momentum)?.f_add_(&direction)?
                } else {
                    let first = direction.f_detach_copy()?;
                    self.buffers.insert(*name, first.shallow_clone());
                    first
                };
                direction = if self.nesterov { direction.f_add(&buffer.f_mul_scalar(self.momentum)?)? } else { buffer };
            }
            let _ = parameter.shallow_clone().f_sub_(&direction.f_mul_scalar(rate)?)?;
        }
        Ok(())
    }
}
