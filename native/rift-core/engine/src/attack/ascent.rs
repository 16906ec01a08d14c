//! The ascent of Auto-PGD in the L∞ and L2 balls (Croce & Hein 2020): momentum, and a step size that each image halves
//! for itself at checkpoints, going back to its best point.

use tch::Tensor;

use super::norms;
use super::rows::keep_rows;
use crate::error::Result;
use crate::spec::Norm;

/// Share of the iterations since the last checkpoint that must raise the loss (ρ).
const RISES: f64 = 0.75;
/// Share of the new step against the old movement (momentum).
const NEW_STEP: f64 = 0.75;
const TINY: f64 = 1e-12;

/// A way uphill that decides by itself where to look next.
pub trait Ascent {
    /// The next point to evaluate, inside ball and box round `clean`.
    fn propose(&mut self, clean: &Tensor) -> Result<Tensor>;
    /// Forgets the images that are not in `stay`; nothing to do when all stay.
    fn keep(&mut self, stay: Option<&Tensor>) -> Result<()>;
    /// Takes in loss [N] and gradient at the point last proposed.
    fn accept(&mut self, clean: &Tensor, loss: &Tensor, gradient: &Tensor) -> Result<()>;
    /// The point of the highest loss.
    fn best(&self) -> &Tensor;
}

/// Iterations between checkpoints: .22N, then .03N fewer each time, at least .06N; all rounded down, at least 1.
#[derive(Debug, Clone)]
pub struct Checkpoints {
    length: u32,
    shorter: u32,
    shortest: u32,
    since: u32,
}

impl Checkpoints {
    /// The schedule of `steps` iterations.
    pub fn new(steps: u32) -> Self {
        let share = |percent: u32| (u64::from(steps) * u64::from(percent) / 100).max(1) as u32;
        Self { length: share(22), shorter: share(3), shortest: share(6), since: 0 }
    }

    /// Counts an iteration; at a checkpoint, the number of iterations since the last one.
    pub fn count(&mut self) -> Option<u32> {
        self.since += 1;
        if self.since < self.length {
            return None;
        }
        let length = std::mem::replace(&mut self.since, 0);
        self.length = self.length.saturating_sub(self.shorter).max(self.shortest);
        Some(length)
    }
}

/// The best point of each image, with its gradient and loss.
pub(super) struct Best {
    pub(super) point: Tensor,
    pub(super) gradient: Tensor,
    pub(super) loss: Tensor,
}

impl Best {
    pub(super) fn new(point: &Tensor, loss: &Tensor, gradient: &Tensor) -> Self {
        Self { point: point.shallow_clone(), gradient: gradient.shallow_clone(), loss: loss.shallow_clone() }
    }

    /// Takes points of higher loss.
    pub(super) fn update(&mut self, point: &Tensor, loss: &Tensor, gradient: &Tensor) -> Result<()> {
        let higher = loss.f_gt_tensor(&self.loss)?;
        let wide = higher.f_view([-1, 1, 1, 1])?;
        self.point = point.f_where_self(&wide, &self.point)?;
        self.gradient = gradient.f_where_self(&wide, &self.gradient)?;
        self.loss = loss.f_where_self(&higher, &self.loss)?;
        Ok(())
    }

    pub(super) fn keep(&mut self, stay: Option<&Tensor>) -> Result<()> {
        keep_rows(stay, &mut [&mut self.point, &mut self.gradient, &mut self.loss])
    }
}

/// Auto-PGD's ascent in an L∞ or L2 ball.
pub struct AutoStep {
    norm: Norm,
    epsilon: f64,
    checkpoints: Checkpoints,
    iteration: u32,
    point: Tensor,
    previous: Tensor,
    gradient: Tensor,
    best: Best,
    step: Tensor,
    last_loss: Tensor,
    rises: Tensor,
    best_at_checkpoint: Tensor,
    halved: Tensor,
}

impl AutoStep {
    /// Begins at `start`, whose loss [N] and gradient are given, for `steps` iterations; the first step is 2ε long.
    pub fn new(norm: Norm, epsilon: f64, steps: u32, start: &Tensor, loss: &Tensor, gradient: &Tensor) -> Result<Self> {
        let zeros = loss.f_zeros_like()?;
        Ok(Self {
            norm,
            epsilon,
            checkpoints: Checkpoints::new(steps),
            iteration: 0,
            point: start.shallow_clone(),
            previous: start.shallow_clone(),
            gradient: gradient.shallow_clone(),
            best: Best::new(start, loss, gradient),
            step: zeros.f_add_scalar(2.0 * epsilon)?.f_view([-1, 1, 1, 1])?,
            // The published code compares the first loss with a row of zeros, not with the loss at the start.
            last_loss: zeros.shallow_clone(),
            rises: zeros.shallow_clone(),
            best_at_checkpoint: loss.shallow_clone(),
            halved: zeros.f_add_scalar(1.0)?,
        })
    }

    fn project(&self, clean: &Tensor, point: &Tensor) -> Result<Tensor> {
        let delta = point.f_sub(clean)?;
        let inside = if self.norm == Norm::Linf {
            delta.f_clamp(-self.epsilon, self.epsilon)?
        } else {
            let size = norms::per_image(Norm::L2, &delta)?;
            delta.f_div(&size.f_add_scalar(TINY)?)?.f_mul(&size.f_clamp_max(self.epsilon)?)?
        };
        Ok(clean.f_add(&inside)?.f_clamp(0.0, 1.0)?)
    }

    /// Halves the step and goes back to the best point where the loss rose too seldom, or where the last checkpoint
    /// changed nothing and the best loss has not risen since.
    fn checkpoint(&mut self, length: u32) -> Result<()> {
        let seldom = self.rises.f_le(RISES * f64::from(length))?;
        let stuck = self.best_at_checkpoint.f_ge_tensor(&self.best.loss)?.f_logical_and(&self.halved.f_eq(0.0)?)?;
        let halve = seldom.f_logical_or(&stuck)?;
        let wide = halve.f_view([-1, 1, 1, 1])?;
        self.step = self.step.f_mul_scalar(0.5)?.f_where_self(&wide, &self.step)?;
        self.point = self.best.point.f_where_self(&wide, &self.point)?;
        self.gradient = self.best.gradient.f_where_self(&wide, &self.gradient)?;
        self.halved = halve.f_to_kind(tch::Kind::Float)?;
        self.best_at_checkpoint = self.best.loss.shallow_clone();
        self.rises = self.rises.f_zeros_like()?;
        Ok(())
    }

    /// Step size of each image, [N, 1, 1, 1].
    pub fn step_size(&self) -> &Tensor {
        &self.step
    }
}

impl Ascent for AutoStep {
    fn propose(&mut self, clean: &Tensor) -> Result<Tensor> {
        let direction = match self.norm {
            Norm::Linf => self.gradient.f_sign()?,
            _ => self.gradient.f_div(&norms::per_image(Norm::L2, &self.gradient)?.f_add_scalar(TINY)?)?,
        };
        let moved = self.project(clean, &self.point.f_add(&self.step.f_mul(&direction)?)?)?;
        let share = if self.iteration == 0 { 1.0 } else { NEW_STEP };
        let movement = self.point.f_sub(&self.previous)?.f_mul_scalar(1.0 - share)?;
        let next = self.point.f_add(&moved.f_sub(&self.point)?.f_mul_scalar(share)?)?.f_add(&movement)?;
        self.previous = self.point.shallow_clone();
        self.point = self.project(clean, &next)?;
        self.iteration += 1;
        Ok(self.point.shallow_clone())
    }

    fn keep(&mut self, stay: Option<&Tensor>) -> Result<()> {
        self.best.keep(stay)?;
        keep_rows(
            stay,
            &mut [
                &mut self.point,
                &mut self.previous,
                &mut self.gradient,
                &mut self.step,
                &mut self.last_loss,
                &mut self.rises,
                &mut self.best_at_checkpoint,
                &mut self.halved,
            ],
        )
    }

    fn accept(&mut self, _clean: &Tensor, loss: &Tensor, gradient: &Tensor) -> Result<()> {
        self.gradient = gradient.shallow_clone();
        self.best.update(&self.point, loss, gradient)?;
        self.rises = self.rises.f_add(&loss.f_gt_tensor(&self.last_loss)?.f_to_kind(tch::Kind::Float)?)?;
        self.last_loss = loss.shallow_clone();
        if let Some(length) = self.checkpoints.count() {
            self.checkpoint(length)?;
        }
        Ok(())
    }

    fn best(&self) -> &Tensor {
        &self.best.point
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(steps: u32) -> Vec<u32> {
        let mut checkpoints = Checkpoints::new(steps);
        (1..=steps).filter(|_| checkpoints.count().is_some()).collect()
    }

    #[test]
    fn checkpoints_come_closer_together() {
        assert_eq!(at(100), [22, 41, 57, 70, 80, 87, 93, 99]);
        assert_eq!(at(10), [2, 3, 4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(at(1), [1]);
    }
}
