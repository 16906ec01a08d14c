//! Adversarial weight perturbation (Wu et al. 2020): before each update every weight tensor moves by γ·‖w‖ along the
//! gradient of the training loss, the update is made there, and the move is taken back. Tensors of one dimension (biases,
//! batch norm) stay. The reference takes the direction from one SGD step of a copy, whose learning rate cancels out.

use tch::Tensor;

use super::parameters::Parameter;
use crate::error::Result;

/// Keeps the direction finite where the gradient is zero.
const TINY: f64 = 1e-20;

/// The moves made, to be taken back.
pub struct Perturbation {
    moves: Vec<(Tensor, Tensor)>,
}

/// Parameters that are perturbed.
pub fn perturbed(parameters: &[Parameter]) -> Vec<&Tensor> {
    parameters.iter().map(|parameter| &parameter.tensor).filter(|tensor| tensor.dim() > 1).collect()
}

/// Moves `weights` along `gradients` of the loss at them, by `gamma` times their Frobenius norms.
pub fn perturb(weights: &[&Tensor], gradients: &[Tensor], gamma: f64) -> Result<Perturbation> {
    let _guard = tch::no_grad_guard();
    let mut moves = Vec::with_capacity(weights.len());
    for (weight, gradient) in weights.iter().zip(gradients) {
        let share = weight.f_norm()?.f_div(&gradient.f_norm()?.f_add_scalar(TINY)?)?.f_mul_scalar(gamma)?;
        let change = gradient.f_mul(&share)?;
        let _ = weight.shallow_clone().f_add_(&change)?;
        moves.push((weight.shallow_clone(), change));
    }
    Ok(Perturbation { moves })
}

impl Perturbation {
    /// Takes the moves back, from wherever the weights have gone since.
    pub fn restore(self) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (weight, change) in self.moves {
            let _ = weight.shallow_clone().f_sub_(&change)?;
        }
        Ok(())
    }
}
