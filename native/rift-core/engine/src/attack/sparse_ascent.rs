//! The ascent of Auto-PGD in the L1 ball (Croce & Hein 2021): steps along the few steepest pixels, whose number follows
//! the sparsity of the best point.

use tch::{Kind, Tensor};

use super::ascent::{Ascent, Best};
use super::projection::l1_ball_and_box;
use super::rows::keep_rows;
use crate::error::Result;

/// Divides step sizes and supports.
const SHRINK: f64 = 1.5;
/// A support below this share of the one before resets the step size.
const SUPPORT_SHRANK: f64 = 0.95;
/// Smallest step as a share of ε.
const LEAST_STEP: f64 = 0.1;

/// Auto-PGD's ascent in an L1 ball.
pub struct SparseStep {
    epsilon: f64,
    every: u32,
    since: u32,
    point: Tensor,
    gradient: Tensor,
    best: Best,
    step: Tensor,
    share: Tensor,
    support: Tensor,
}

impl SparseStep {
    /// Begins at `start`, whose loss [N] and gradient are given, for `steps` iterations; the first step is ε long.
    pub fn new(
        epsilon: f64, steps: u32, clean: &Tensor, start: &Tensor, loss: &Tensor, gradient: &Tensor,
    ) -> Result<Self> {
        let support = support(&start.f_sub(clean)?)?;
        Ok(Self {
            epsilon,
            every: (steps / 25).max(1),
            since: 0,
            point: start.shallow_clone(),
            gradient: gradient.shallow_clone(),
            best: Best::new(start, loss, gradient),
            step: loss.f_zeros_like()?.f_add_scalar(epsilon)?.f_view([-1, 1])?,
            share: support.f_divide_scalar(pixels(clean) * SHRINK)?,
            support,
        })
    }
}

impl Ascent for SparseStep {
    fn propose(&mut self, clean: &Tensor) -> Result<Tensor> {
        let flat = self.gradient.f_flatten(1, -1)?;
        let size = flat.f_abs()?;
        let count = size.size()[1];
        let (sorted, _) = size.f_sort(1, false)?;
        let least = self.share.f_neg()?.f_add_scalar(1.0)?.f_mul_scalar(count as f64)?;
        let least = least.f_clamp(0.0, (count - 1) as f64)?.f_to_kind(Kind::Int64)?;
        let threshold = sorted.f_gather(1, &least, false)?;
        let signs = flat.f_sign()?.f_mul(&size.f_ge_tensor(&threshold)?.f_to_kind(Kind::Float)?)?;
        let total = signs.f_abs()?.f_sum_dim_intlist([1].as_slice(), true, Kind::Float)?.f_add_scalar(1e-10)?;
        let moved = self.point.f_add(&signs.f_mul(&self.step)?.f_div(&total)?.f_view_as(clean)?)?;
        let inside = l1_ball_and_box(clean, &moved.f_sub(clean)?, self.epsilon)?;
        self.point = clean.f_add(&inside)?.f_clamp(0.0, 1.0)?;
        Ok(self.point.shallow_clone())
    }

    fn keep(&mut self, stay: Option<&Tensor>) -> Result<()> {
        self.best.keep(stay)?;
        let own = &mut [&mut self.point, &mut self.gradient, &mut self.step, &mut self.share, &mut self.support];
        keep_rows(stay, own)
    }

    fn accept(&mut self, clean: &Tensor, loss: &Tensor, gradient: &Tensor) -> Result<()> {
        self.gradient = gradient.shallow_clone();
        self.best.update(&self.point, loss, gradient)?;
        self.since += 1;
        if self.since < self.every {
            return Ok(());
        }
        self.since = 0;
        let support = support(&self.best.point.f_sub(clean)?)?;
        let shrank = support.f_div(&self.support)?.f_lt(SUPPORT_SHRANK)?;
        let reset = self.step.f_zeros_like()?.f_add_scalar(self.epsilon)?;
        let shorter = self.step.f_divide_scalar(SHRINK)?.f_clamp_min(self.epsilon * LEAST_STEP)?;
        self.step = reset.f_where_self(&shrank, &shorter)?;
        self.share = support.f_divide_scalar(pixels(clean) * SHRINK)?;
        self.support = support;
        let wide = shrank.f_view([-1, 1, 1, 1])?;
        self.point = self.best.point.f_where_self(&wide, &self.point)?;
        self.gradient = self.best.gradient.f_where_self(&wide, &self.gradient)?;
        Ok(())
    }

    fn best(&self) -> &Tensor {
        &self.best.point
    }
}

/// Elements that are not 0, float32 [N, 1].
fn support(delta: &Tensor) -> Result<Tensor> {
    let moved = delta.f_flatten(1, -1)?.f_ne(0.0)?;
    Ok(moved.f_sum_dim_intlist([1].as_slice(), true, Kind::Float)?)
}

fn pixels(images: &Tensor) -> f64 {
    images.size()[1..].iter().product::<i64>() as f64
}
