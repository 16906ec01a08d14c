//! Exact projections under two constraints at once: L1 ball and image box (Croce & Hein 2021), hyperplane and image box
//! (FAB, Croce & Hein 2020). All are "water levels": one number per image at which a sum of clipped terms has a given
//! value, found by sorting the places where a term is clipped. Sums are in float64.

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::evaluate::floats;
use crate::spec::Norm;

/// λ ≥ 0 per row with Σ slopes·min(λ, breaks) = target. Inputs are [N, D] and [N, 1], breaks at least 0, the sum must
/// not fall with λ. A target out of reach gives the largest break, a target at or below 0 gives 0. float64 [N, 1].
pub fn level(slopes: &Tensor, breaks: &Tensor, target: &Tensor) -> Result<Tensor> {
    let target = target.f_to_kind(Kind::Double)?;
    // libtorch's sort of rows takes a quarter of FAB's time on a processor.
    if breaks.device() == Device::Cpu {
        level_by_row(slopes, breaks, &target)
    } else {
        level_by_sort(slopes, breaks, &target)
    }
}

fn level_by_row(slopes: &Tensor, breaks: &Tensor, target: &Tensor) -> Result<Tensor> {
    let width = (breaks.size()[1] as usize).max(1);
    let (slopes, breaks) = (floats(&slopes.f_flatten(0, -1)?)?, floats(&breaks.f_flatten(0, -1)?)?);
    let rows = slopes.chunks_exact(width).zip(breaks.chunks_exact(width));
    let mut order = Vec::with_capacity(width);
    let found: Vec<f64> = rows
        .zip(Vec::<f64>::try_from(&target.f_flatten(0, -1)?)?)
        .map(|((slopes, breaks), target)| level_of_row(slopes, breaks, target, &mut order))
        .collect();
    Ok(Tensor::f_from_slice(&found)?.f_view([-1, 1])?)
}

fn level_of_row(slopes: &[f32], breaks: &[f32], target: f64, order: &mut Vec<u64>) -> f64 {
    let mut free: f64 = slopes.iter().map(|slope| f64::from(*slope)).sum();
    if free.is_nan() {
        return f64::NAN;
    }
    // Bits of numbers from 0 on are in the order of the numbers; adding 0 makes -0 one of them.
    order.clear();
    order.extend(breaks.iter().enumerate().map(|(at, end)| u64::from((end + 0.0).to_bits()) << 32 | at as u64));
    order.sort_unstable();
    let mut clipped = 0.0;
    for at in order.iter().map(|key| (key & u64::from(u32::MAX)) as usize) {
        let (slope, end) = (f64::from(slopes[at]), f64::from(breaks[at]));
        let (clipped_here, free_here) = (clipped + slope * end, free - slope);
        if clipped_here + end * free_here >= target {
            break;
        }
        (clipped, free) = (clipped_here, free_here);
    }
    let highest = order.last().map_or(0.0, |key| f64::from(f32::from_bits((key >> 32) as u32)));
    ((target - clipped) / free.max(1e-300)).max(0.0).min(highest)
}

fn level_by_sort(slopes: &Tensor, breaks: &Tensor, target: &Tensor) -> Result<Tensor> {
    let (breaks, order) = breaks.f_sort(1, false)?;
    let breaks = breaks.f_to_kind(Kind::Double)?;
    let slopes = slopes.f_gather(1, &order, false)?.f_to_kind(Kind::Double)?;
    let total = slopes.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?;
    let clipped = slopes.f_mul(&breaks)?.f_cumsum(1, Kind::Double)?;
    let free = total.f_sub(&slopes.f_cumsum(1, Kind::Double)?)?;
    let value = clipped.f_add(&breaks.f_mul(&free)?)?;
    let below = value.f_lt_tensor(target)?.f_sum_dim_intlist([1].as_slice(), true, Kind::Int64)?;
    // Before break number `below`, the terms of the earlier breaks are clipped and the others grow.
    let last = below.f_sub_scalar(1)?.f_clamp_min(0)?;
    let none = below.f_eq(0)?;
    let clipped = clipped.f_gather(1, &last, false)?.f_masked_fill(&none, 0.0)?;
    let free = free.f_gather(1, &last, false)?.f_where_self(&none.f_logical_not()?, &total)?;
    let highest = breaks.f_amax([1], true)?;
    let found = target.f_sub(&clipped)?.f_div(&free.f_clamp_min(1e-300)?)?;
    Ok(found.f_clamp_min(0.0)?.f_minimum(&highest)?)
}

/// Nearest δ (Euclidean) to `delta` with ‖δ‖₁ ≤ ε and `clean` + δ in [0,1]. Both are [N, C, H, W].
pub fn l1_ball_and_box(clean: &Tensor, delta: &Tensor, epsilon: f64) -> Result<Tensor> {
    let (clean, flat) = (clean.f_flatten(1, -1)?, delta.f_flatten(1, -1)?);
    let size = flat.f_abs()?;
    let room = clean.f_neg()?.f_add_scalar(1.0)?.f_where_self(&flat.f_gt(0.0)?, &clean)?;
    let outside = size.f_sub(&room)?.f_clamp_min(0.0)?;
    let inside = size.f_sub(&outside)?.f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?;
    let slopes = Tensor::f_cat(&[size.f_ones_like()?, size.f_ones_like()?.f_neg()?], 1)?;
    let breaks = Tensor::f_cat(&[&size, &outside], 1)?;
    let shrink = level(&slopes, &breaks, &inside.f_sub_scalar(epsilon)?)?.f_to_kind(Kind::Float)?;
    let taken = shrink.f_maximum(&outside)?.f_minimum(&size)?;
    Ok(size.f_sub(&taken)?.f_mul(&flat.f_sign()?)?.f_view_as(delta)?)
}

/// Shortest d in `norm` with w·(point + d) = b and point + d in [0,1]; when the box does not reach the plane, as far
/// towards it as the box goes. `point` and `normal` are [N, D], `offset` (b) is [N, 1].
pub fn onto_plane(norm: Norm, point: &Tensor, normal: &Tensor, offset: &Tensor) -> Result<Tensor> {
    let above = normal
        .f_mul(point)?
        .f_sum_dim_intlist([1].as_slice(), true, Kind::Double)?
        .f_sub(&offset.f_to_kind(Kind::Double)?)?;
    // Turned so that w·point has to fall by `fall`.
    let side = above.f_lt(0.0)?.f_to_kind(Kind::Float)?.f_mul_scalar(-2.0)?.f_add_scalar(1.0)?;
    let normal = normal.f_mul(&side)?;
    let fall = above.f_abs()?;
    let steep = normal.f_abs()?;
    let room = point.f_where_self(&normal.f_gt(0.0)?, &point.f_neg()?.f_add_scalar(1.0)?)?;
    let flat = steep.f_eq(0.0)?;
    let amount = match norm {
        Norm::Linf => {
            let breaks = room.f_masked_fill(&flat, 0.0)?;
            level(&steep, &breaks, &fall)?.f_to_kind(Kind::Float)?.f_minimum(&room)?
        }
        Norm::L2 => {
            let breaks = room.f_div(&steep)?.f_masked_fill(&flat, 0.0)?;
            let share = level(&steep.f_square()?, &breaks, &fall)?;
            steep.f_to_kind(Kind::Double)?.f_mul(&share)?.f_to_kind(Kind::Float)?.f_minimum(&room)?
        }
        Norm::L1 => {
            let (steep, order) = steep.f_sort(1, true)?;
            let room = room.f_gather(1, &order, false)?;
            let gain = steep.f_mul(&room)?.f_to_kind(Kind::Double)?;
            let left = fall.f_sub(&gain.f_cumsum(1, Kind::Double)?.f_sub(&gain)?)?;
            let amount = left.f_div(&steep.f_clamp_min(1e-30)?)?.f_clamp_min(0.0)?.f_to_kind(Kind::Float)?;
            amount.f_zeros_like()?.f_scatter(1, &order, &amount.f_minimum(&room)?)?
        }
    };
    Ok(amount.f_mul(&normal.f_sign()?)?.f_neg()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(seed: i64, shape: &[i64]) -> Tensor {
        tch::manual_seed(seed);
        Tensor::rand(shape, (Kind::Float, Device::Cpu))
    }

    #[test]
    fn a_level_meets_its_target() {
        let (slopes, breaks) = (random(1, &[5, 40]), random(2, &[5, 40]));
        let reach = (&slopes * &breaks).sum_dim_intlist([1].as_slice(), true, Kind::Double);
        let target = &reach * Tensor::from_slice(&[0.0, 0.1, 0.5, 0.99, 1.0]).view([5, 1]);
        let found = level(&slopes, &breaks, &target).unwrap();
        let met = (slopes * breaks.minimum(&found)).sum_dim_intlist([1].as_slice(), true, Kind::Double);
        assert!((met - target).abs().max().double_value(&[]) < 1e-6);
    }

    #[test]
    fn both_ways_to_the_level_agree() {
        // Slopes of both signs whose sum does not fall, ties, breaks at 0, targets in and out of reach.
        let size = random(11, &[6, 50]);
        let slopes = Tensor::cat(&[size.ones_like(), -size.ones_like()], 1);
        let breaks = Tensor::cat(&[&size, &(&size * (random(12, &[6, 50]) - 0.3).clamp_min(0.0))], 1);
        let reach = (&slopes * &breaks).sum_dim_intlist([1].as_slice(), true, Kind::Double);
        let target = &reach * Tensor::from_slice(&[-0.5, 0.0, 0.2, 0.7, 1.0, 2.0]).view([6, 1]);
        let by_row = level_by_row(&slopes, &breaks, &target).unwrap();
        let by_sort = level_by_sort(&slopes, &breaks, &target).unwrap();
        assert!((&by_row - by_sort).abs().max().double_value(&[]) < 1e-9);
        assert!(by_row.max().double_value(&[]) > 0.5);
        let nan = level(&(slopes * f64::NAN), &breaks, &target).unwrap();
        assert_eq!(nan.isnan().sum(Kind::Int64).int64_value(&[]), 6);
    }

    #[test]
    fn the_l1_projection_stays_in_ball_and_box_and_is_nearest() {
        let clean = random(3, &[6, 3, 4, 4]);
        let delta = random(4, &[6, 3, 4, 4]) * 4.0 - 2.0;
        let nearest = l1_ball_and_box(&clean, &delta, 3.0).unwrap();
        let size = nearest.abs().sum_dim_intlist([1, 2, 3].as_slice(), false, Kind::Double);
        assert!((size - 3.0).abs().max().double_value(&[]) < 1e-5);
        let moved = &clean + &nearest;
        assert!(moved.min().double_value(&[]) >= -1e-6 && moved.max().double_value(&[]) <= 1.0 + 1e-6);
        let distance = (&nearest - &delta).square().sum(Kind::Double).double_value(&[]);
        for trial in 0..50 {
            let other = (random(10 + trial, &[6, 3, 4, 4]) - &clean).clamp(-1.0, 1.0);
            let other = l1_ball_and_box(&clean, &(&nearest + other * 0.05), 3.0).unwrap();
            assert!((other - &delta).square().sum(Kind::Double).double_value(&[]) >= distance - 1e-4);
        }
    }

    #[test]
    fn a_point_inside_ball_and_box_is_its_own_projection() {
        let clean = random(5, &[2, 3, 4, 4]) * 0.2 + 0.4;
        let delta = (random(6, &[2, 3, 4, 4]) - 0.5) * 0.1;
        assert_eq!(l1_ball_and_box(&clean, &delta, 10.0).unwrap(), delta);
    }

    #[test]
    fn steps_onto_a_plane_reach_it_inside_the_box_when_it_is_near() {
        let point = random(7, &[8, 30]);
        let normal = random(8, &[8, 30]) * 2.0 - 1.0;
        let product = (&point * &normal).sum_dim_intlist([1].as_slice(), true, Kind::Float);
        for (norm, shift) in [(Norm::Linf, 0.7), (Norm::L2, -0.7), (Norm::L1, 0.7)] {
            let step = onto_plane(norm, &point, &normal, &(&product + shift)).unwrap();
            let moved = &point + &step;
            assert!(moved.min().double_value(&[]) >= -1e-6 && moved.max().double_value(&[]) <= 1.0 + 1e-6);
            let gap = (moved * &normal).sum_dim_intlist([1].as_slice(), true, Kind::Float) - &product - shift;
            assert!(gap.abs().max().double_value(&[]) < 1e-5, "{norm:?}");
        }
    }

    #[test]
    fn a_plane_out_of_reach_moves_every_pixel_by_its_room() {
        let point = Tensor::from_slice(&[0.25f32, 0.5, 1.0, 0.0]).view([1, 4]);
        let normal = Tensor::from_slice(&[1.0f32, -2.0, 0.0, 3.0]).view([1, 4]);
        let offset = Tensor::from_slice(&[-100.0f32]).view([1, 1]);
        let wanted = Tensor::from_slice(&[-0.25f32, 0.5, 0.0, 0.0]).view([1, 4]);
        for norm in [Norm::Linf, Norm::L2, Norm::L1] {
            assert!(
                (onto_plane(norm, &point, &normal, &offset).unwrap() - &wanted).abs().max().double_value(&[]) < 1e-6
            );
        }
    }
}
