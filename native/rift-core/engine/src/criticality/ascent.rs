//! The three maximisers of the robust loss over a unit's weight balls.

use tch::Tensor;

use super::ball;
use super::surface::{Judged, Surface};
use super::units::Unit;
use crate::control::Control;
use crate::error::Result;
use crate::rng;
use crate::spec::{AscentMethod, CriticalitySpec};

/// The highest point found.
pub struct Peak {
    /// Loss and judgement there; none when no epoch had a finite loss.
    pub judged: Option<Judged>,
    /// Largest ‖Δ‖ ÷ ‖θ‖ of the unit's weights there.
    pub ratio: f64,
    /// First-order rise at the start.
    pub first_order: f64,
    /// Epochs whose loss was not finite.
    pub nan_epochs: u32,
}

/// Searches the unit that `surface` has entered.
pub fn maximise(surface: &Surface, unit: &Unit, spec: &CriticalitySpec, control: &Control) -> Result<Peak> {
    let search = Search { surface, unit, spec, control };
    match spec.ascent {
        AscentMethod::SgdEpoch => search.sgd(false),
        AscentMethod::SgdStop => search.sgd(true),
        AscentMethod::NormalizedGradient => search.normalized_gradient(),
    }
}

/// First step of [`AscentMethod::NormalizedGradient`] in radii: almost the boundary point along the gradient.
const FIRST_STRETCH: f64 = 4.0;
/// Share of the rise so far that a step must add to pay for itself.
const WORTH_A_STEP: f64 = 0.005;
/// A start ends after so many steps in a row that did not pay.
const STALLED_STEPS: u32 = 2;

struct Search<'a> {
    surface: &'a Surface,
    unit: &'a Unit,
    spec: &'a CriticalitySpec,
    control: &'a Control,
}

impl Search<'_> {
    /// Mini-batch ascent. With `stop`, algorithm 1 of the paper: it ends with the first epoch that leaves a ball, after
    /// projecting, and the value at the end counts. Without, the published code: every epoch is projected and evaluated,
    /// and the largest value counts; an epoch without a finite loss is neither projected nor counted.
    ///
    /// The gradient of an epoch's first mini-batch meets the losses of its images under the weights that the epoch before
    /// ended with: these are judged on the way, and only the other images anew.
    fn sgd(&self, stop: bool) -> Result<Peak> {
        let (spec, surface) = (self.spec, self.surface);
        let radii = self.radii()?;
        let mut change = surface.zero()?;
        let (first_order, first) = self.first_step(&change)?;
        let mut peak = Peak { judged: None, ratio: 0.0, first_order, nan_epochs: 0 };
        let mut ahead = Some(first);
        for epoch in 0..spec.epochs {
            self.epoch(epoch, &mut change, ahead.take())?;
            let sizes = self.sizes(&change)?;
            if sizes.iter().any(|size| !size.is_finite()) {
                peak.nan_epochs += spec.epochs - epoch;
                break;
            }
            let outside = sizes.iter().zip(&radii).any(|(size, radius)| size > radius);
            if outside {
                change = self.projected(&change, &radii)?;
            }
            let is_last = epoch + 1 == spec.epochs || (stop && outside);
            if stop && !is_last {
                continue;
            }
            let judged = if is_last {
                surface.judge(&change, self.control)?
            } else {
                let order = self.order(epoch + 1);
                let (gradients, judged) =
                    surface.batch_gradient_judged(self.batches(&order)[0], &change, self.control)?;
                ahead = Some(gradients);
                judged
            };
            if !judged.mean_loss().is_finite() {
                peak.nan_epochs += 1;
            } else if stop || peak.judged.as_ref().is_none_or(|best| judged.mean_loss() > best.mean_loss()) {
                peak.ratio = self.ratio(&change)?;
                peak.judged = Some(judged);
            }
            if is_last {
                break;
            }
        }
        Ok(peak)
    }

    /// The first-order rise at the unit's own weights, and the gradient of the first mini-batch there, which is part of
    /// the whole gradient.
    fn first_step(&self, zero: &[Tensor]) -> Result<(f64, Vec<Tensor>)> {
        let surface = self.surface;
        let order = self.order(0);
        let (first, rest) = order.split_at(self.batches(&order)[0].len());
        let first_gradient = surface.batch_gradient(first, zero, self.control)?;
        let mut slope = scaled(&first_gradient, first.len() as f64 / order.len() as f64)?;
        if !rest.is_empty() {
            let others = surface.batch_gradient(rest, zero, self.control)?;
            for (sum, other) in slope.iter_mut().zip(scaled(&others, rest.len() as f64 / order.len() as f64)?) {
                let _ = sum.f_add_(&other)?;
            }
        }
        Ok((surface.first_orders(&slope, self.spec)?.into_iter().sum(), first_gradient))
    }

    /// Images in the order of an epoch.
    fn order(&self, epoch: u32) -> Vec<i64> {
        let count = self.surface.count() as usize;
        if self.surface.is_one_batch() {
            return (0..count as i64).collect();
        }
        rng::permutation(u64::from(self.spec.seed), "criticality order", &[u64::from(epoch)], count)
    }

    fn batches<'b>(&self, order: &'b [i64]) -> Vec<&'b [i64]> {
        order.chunks(self.spec.batch_size as usize).collect()
    }

    /// One pass over the mini-batches of `epoch`; `first` is the gradient of the first one.
    fn epoch(&self, epoch: u32, change: &mut [Tensor], first: Option<Vec<Tensor>>) -> Result<()> {
        let order = self.order(epoch);
        let mut first = first;
        for rows in self.batches(&order) {
            let gradients = match first.take() {
                Some(gradients) => gradients,
                None => self.surface.batch_gradient(rows, change, self.control)?,
            };
            self.climb(change, &gradients)?;
        }
        Ok(())
    }

    /// One SGD step upwards.
    fn climb(&self, change: &mut [Tensor], gradients: &[Tensor]) -> Result<()> {
        for (change, gradient) in change.iter_mut().zip(gradients) {
            let _ = change.f_add_(&gradient.f_mul_scalar(self.spec.learning_rate)?)?;
        }
        Ok(())
    }

    /// Normalised full-gradient steps, projected after every step, best iterate kept: Δ ← Π(Δ* + s·r·ĝ) from the best
    /// point Δ*, where s halves whenever a step did not rise; `epochs` steps, fewer once they stop paying. The first start
    /// is the boundary point along the gradient, further ones are random boundary points. Only the direction of θ_i's
    /// gradient enters, so the result is invariant under the rescaling of the paper's appendix A.
    fn normalized_gradient(&self) -> Result<Peak> {
        let radii = self.radii()?;
        let (slope, judged) = self.surface.gradient(&self.surface.zero()?, self.control)?;
        let first_order = self.surface.first_orders(&slope, self.spec)?.into_iter().sum();
        let foot = judged.mean_loss();
        let mut best: (f64, Vec<Tensor>) = (foot, self.surface.zero()?);
        for start in 0..self.spec.starts {
            let mut change = if start == 0 { self.boundary(&slope, &radii)? } else { self.random(start, &radii)? };
            let mut stretch = FIRST_STRETCH;
            let mut top: Option<(f64, Vec<Tensor>, Vec<Tensor>)> = None;
            let mut stalled = 0;
            for _ in 0..self.spec.epochs {
                let (gradient, judged) = self.surface.gradient(&change, self.control)?;
                let loss = judged.mean_loss();
                let height = top.as_ref().map(|(height, _, _)| *height);
                let pays = height.is_none_or(|height| loss - height > WORTH_A_STEP * (loss - foot).abs());
                stalled = if loss.is_finite() && pays { 0 } else { stalled + 1 };
                if loss.is_finite() && height.is_none_or(|height| loss > height) {
                    top = Some((loss, change, gradient));
                } else {
                    stretch /= 2.0;
                }
                let Some((_, point, gradient)) = &top else { break };
                if stalled == STALLED_STEPS {
                    break;
                }
                change = self.step(point, gradient, stretch, &radii)?;
            }
            if let Some((height, point, _)) = top {
                if height > best.0 {
                    best = (height, point);
                }
            }
        }
        let judged = self.surface.judge(&best.1, self.control)?;
        Ok(Peak { judged: Some(judged), ratio: self.ratio(&best.1)?, first_order, nan_epochs: 0 })
    }

    /// Π(Δ + stretch · radius · direction of the gradient) in each ball.
    fn step(&self, point: &[Tensor], gradient: &[Tensor], stretch: f64, radii: &[f64]) -> Result<Vec<Tensor>> {
        let towards = self.boundary(gradient, radii)?;
        let moved = point
            .iter()
            .zip(&towards)
            .map(|(point, towards)| Ok(point.f_add(&towards.f_mul_scalar(stretch)?)?))
            .collect::<Result<Vec<Tensor>>>()?;
        self.projected(&moved, radii)
    }

    fn radii(&self) -> Result<Vec<f64>> {
        let sizes = self.surface.originals().into_iter().map(|weight| ball::size(self.spec.weight_norm, weight));
        sizes.map(|size| Ok(self.spec.weight_epsilon * size?)).collect()
    }

    fn sizes(&self, change: &[Tensor]) -> Result<Vec<f64>> {
        change.iter().map(|tensor| ball::size(self.spec.weight_norm, tensor)).collect()
    }

    fn ratio(&self, change: &[Tensor]) -> Result<f64> {
        let sizes = self.sizes(change)?;
        let mut largest: f64 = 0.0;
        for (size, original) in sizes.iter().zip(self.surface.originals()) {
            largest = largest.max(size / ball::size(self.spec.weight_norm, original)?.max(f64::MIN_POSITIVE));
        }
        Ok(largest)
    }

    fn projected(&self, change: &[Tensor], radii: &[f64]) -> Result<Vec<Tensor>> {
        change.iter().zip(radii).map(|(tensor, radius)| ball::project(self.spec.weight_norm, *radius, tensor)).collect()
    }

    fn boundary(&self, gradient: &[Tensor], radii: &[f64]) -> Result<Vec<Tensor>> {
        gradient
            .iter()
            .zip(radii)
            .map(|(tensor, radius)| ball::boundary(self.spec.weight_norm, *radius, tensor))
            .collect()
    }

    fn random(&self, start: u32, radii: &[f64]) -> Result<Vec<Tensor>> {
        let zeros = self.surface.zero()?;
        let purpose = format!("criticality start {}", self.unit.name);
        zeros
            .iter()
            .zip(radii)
            .enumerate()
            .map(|(index, (zero, radius))| {
                let ids = [u64::from(start) << 16 | index as u64];
                let noise = rng::normal_per_image(u64::from(self.spec.seed), &purpose, &ids, 0, &zero.size())?;
                let noise = noise.f_reshape(zero.size())?.f_to_device(zero.device())?;
                ball::boundary(self.spec.weight_norm, *radius, &noise)
            })
            .collect()
    }
}

/// Each tensor times `factor`.
fn scaled(tensors: &[Tensor], factor: f64) -> Result<Vec<Tensor>> {
    tensors.iter().map(|tensor| Ok(tensor.f_mul_scalar(factor)?)).collect()
}
