//! The three small functions by which norms differ: start, ascent direction, projection. Every attack loop is written
//! once over them. Perturbations δ are float32 [N, C, H, W] in pixel units.

use tch::{Kind, Tensor};

use crate::error::Result;
use crate::rng;
use crate::spec::Norm;

const TINY: f64 = 1e-10;

/// Shape [N, 1, 1, 1] norm of each image's perturbation.
pub fn per_image(norm: Norm, delta: &Tensor) -> Result<Tensor> {
    let flat = delta.f_flatten(1, -1)?;
    let value = match norm {
        Norm::Linf => flat.f_abs()?.f_amax([1], false)?,
        Norm::L2 => flat.f_norm_scalaropt_dim(2.0, [1], false)?,
        Norm::L1 => flat.f_abs()?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?,
    };
    Ok(value.f_view([-1, 1, 1, 1])?)
}

/// Random point of the ball: uniform per element for L∞; a random direction at a uniform share of the radius for L2 and
/// L1. Rows are keyed by `ids`.
pub fn random_start(norm: Norm, epsilon: f64, shape: &[i64], ids: &[u64], seed: u64, restart: u64) -> Result<Tensor> {
    match norm {
        Norm::Linf if epsilon > 0.0 => {
            rng::uniform_per_image(seed, "attack start", ids, restart, &shape[1..], -epsilon as f32, epsilon as f32)
        }
        _ => {
            let direction = rng::normal_per_image(seed, "attack start", ids, restart, &shape[1..])?;
            let radius = rng::uniform_per_image(seed, "attack radius", ids, restart, &[1, 1, 1], 0.0, 1.0)?;
            let size = per_image(norm, &direction)?.f_add_scalar(TINY)?;
            Ok(direction.f_div(&size)?.f_mul(&radius)?.f_mul_scalar(epsilon)?)
        }
    }
}

/// Step of norm 1 that raises the loss fastest: sign for L∞, unit gradient for L2, the largest element for L1.
pub fn steepest(norm: Norm, gradient: &Tensor) -> Result<Tensor> {
    Ok(match norm {
        Norm::Linf => gradient.f_sign()?,
        Norm::L2 => gradient.f_div(&per_image(Norm::L2, gradient)?.f_add_scalar(TINY)?)?,
        Norm::L1 => sparsest(gradient, 1)?,
    })
}

/// Step of L1 norm 1 along the signs of the `count` steepest elements of each image.
pub fn sparsest(gradient: &Tensor, count: i64) -> Result<Tensor> {
    let flat = gradient.f_flatten(1, -1)?;
    let (_, at) = flat.f_abs()?.f_topk(count, 1, true, true)?;
    let signs = flat.f_gather(1, &at, false)?.f_sign()?.f_divide_scalar(count as f64)?;
    Ok(flat.f_zeros_like()?.f_scatter(1, &at, &signs)?.f_view_as(gradient)?)
}

/// Nearest point of the ball of radius `epsilon`.
pub fn project(norm: Norm, epsilon: f64, delta: &Tensor) -> Result<Tensor> {
    match norm {
        Norm::Linf => Ok(delta.f_clamp(-epsilon, epsilon)?),
        Norm::L2 => {
            let size = per_image(Norm::L2, delta)?.f_clamp_min(TINY)?;
            let factor = size.f_reciprocal()?.f_mul_scalar(epsilon)?.f_clamp_max(1.0)?;
            Ok(delta.f_mul(&factor)?)
        }
        Norm::L1 => project_l1(epsilon, delta),
    }
}

/// Euclidean projection onto the L1 ball by sorting (Duchi et al. 2008).
fn project_l1(epsilon: f64, delta: &Tensor) -> Result<Tensor> {
    let flat = delta.f_flatten(1, -1)?;
    let size = flat.f_abs()?;
    let (sorted, _) = size.f_sort(1, true)?;
    let excess = sorted.f_cumsum(1, Kind::Float)?.f_sub_scalar(epsilon)?;
    let rank = Tensor::f_arange_start(1, flat.size()[1] + 1, (Kind::Float, flat.device()))?;
    let keeps = sorted.f_gt_tensor(&excess.f_div(&rank)?)?.f_to_kind(Kind::Float)?;
    let last = keeps.f_sum_dim_intlist([1].as_slice(), true, Kind::Float)?.f_clamp_min(1.0)?;
    let threshold = excess.f_gather(1, &last.f_sub_scalar(1.0)?.f_to_kind(Kind::Int64)?, false)?.f_div(&last)?;
    let shrunk = size.f_sub(&threshold.f_clamp_min(0.0)?)?.f_clamp_min(0.0)?.f_mul(&flat.f_sign()?)?;
    let inside = size.f_sum_dim_intlist([1].as_slice(), true, Kind::Float)?.f_le(epsilon)?;
    Ok(flat.f_where_self(&inside, &shrunk)?.f_view_as(delta)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use tch::Device;

    #[test]
    fn a_projection_stays_inside_and_leaves_inner_points_alone() {
        let outside = Tensor::randn([4, 3, 5, 5], (Kind::Float, Device::Cpu)) * 3.0;
        for norm in [Norm::Linf, Norm::L2, Norm::L1] {
            let inner = project(norm, 0.5, &outside).unwrap();
            let size = per_image(norm, &inner).unwrap();
            assert!(size.max().double_value(&[]) <= 0.5 + 1e-5, "{norm:?}");
            assert!(size.min().double_value(&[]) >= 0.5 - 1e-4, "{norm:?} reaches the boundary");
            let again = project(norm, 0.5 + 1e-3, &inner).unwrap();
            assert!((again - &inner).abs().max().double_value(&[]) < 1e-6, "{norm:?} is idempotent");
        }
    }

    #[test]
    fn a_random_start_lies_in_the_ball_and_differs_between_restarts() {
        for norm in [Norm::Linf, Norm::L2, Norm::L1] {
            let first = random_start(norm, 0.3, &[2, 3, 4, 4], &[5, 6], 1, 0).unwrap();
            let second = random_start(norm, 0.3, &[2, 3, 4, 4], &[5, 6], 1, 1).unwrap();
            assert!(per_image(norm, &first).unwrap().max().double_value(&[]) <= 0.3 + 1e-6);
            assert_ne!(first, second);
        }
    }
}
