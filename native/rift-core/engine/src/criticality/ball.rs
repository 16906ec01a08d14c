//! The weight ball ‖Δ‖_p ≤ ε‖θ_i‖_p of one module: its radius, projection onto it, and its boundary along a gradient.

use tch::{Kind, Tensor};

use crate::attack::norms;
use crate::error::Result;
use crate::spec::Norm;

/// ‖θ‖_p of a whole tensor.
pub fn size(norm: Norm, tensor: &Tensor) -> Result<f64> {
    Ok(f64::try_from(&match norm {
        Norm::Linf => tensor.f_abs()?.f_max()?,
        Norm::L2 => tensor.f_norm()?,
        Norm::L1 => tensor.f_abs()?.f_sum(Kind::Float)?,
    })?)
}

/// Norm dual to `norm`, in which a gradient bounds the first-order rise of the loss.
pub fn dual(norm: Norm) -> Norm {
    match norm {
        Norm::Linf => Norm::L1,
        Norm::L2 => Norm::L2,
        Norm::L1 => Norm::Linf,
    }
}

/// Nearest change inside the ball of `radius`.
pub fn project(norm: Norm, radius: f64, change: &Tensor) -> Result<Tensor> {
    let row = change.f_reshape([1, -1, 1, 1])?;
    Ok(norms::project(norm, radius, &row)?.f_reshape(change.size())?)
}

/// The change on the ball's boundary that raises a linear loss with this gradient most; zero for a zero gradient.
pub fn boundary(norm: Norm, radius: f64, gradient: &Tensor) -> Result<Tensor> {
    let row = gradient.f_reshape([1, -1, 1, 1])?;
    Ok(norms::steepest(norm, &row)?.f_mul_scalar(radius)?.f_reshape(gradient.size())?)
}
