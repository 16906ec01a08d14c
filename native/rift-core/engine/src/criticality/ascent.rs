//! The three maximisers of the robust loss over a unit's weight balls.

use tch::Tensor;

use super::ball;
use super::surface::{Judged, Surface};
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

/// Searches the unit that `surface` has entered; `slope` is the gradient at its own weights and `foot` the loss there.
pub fn maximise(
    surface: &Surface, spec: &CriticalitySpec, slope: Vec<Tensor>, foot: f64, control: &Control,
) -> Result<Peak> {
    let search = Search { surface, spec, control };
    let mut peak = match spec.ascent {
        AscentMethod::SgdEpoch => search.sgd(false, &slope)?,
        AscentMethod::SgdStop => search.sgd(true, &slope)?,
        AscentMethod::NormalizedGradient => search.normalized_gradient(foot, &slope)?,
    };
    peak.first_order = surface.first_orders(&slope, spec)?.into_iter().sum();
    Ok(peak)
}

/// First step of [`AscentMethod::NormalizedGradient`] in radii: so long that it ends at the boundary point along the gradient.
const FIRST_STRETCH: f64 = 100.0;
/// Its longest step, in radii, once a step did not rise.
const NEXT_STRETCH: f64 = 1.0;
/// Share of the rise so far that a step must add to pay for itself.
const WORTH_A_STEP: f64 = 0.005;
/// An ascent is given up when so many more steps like its last one would not lift it above the best point known.
const BEATEN_BY_GAINS: f64 = 3.0;
/// A start ends after so many steps in a row that did not pay.
const STALLED_STEPS: u32 = 2;

/// Where a search has been.
struct Point {
    height: f64,
    judged: Judged,
    change: Vec<Tensor>,
    /// None where nothing leads on from there.
    gradient: Option<Vec<Tensor>>,
}

pub(super) struct Search<'a> {
    pub(super) surface: &'a Surface,
    pub(super) spec: &'a CriticalitySpec,
    pub(super) control: &'a Control,
}

impl Search<'_> {
    /// Mini-batch ascent. With `stop`, algorithm 1 of the paper: it ends with the first epoch that leaves a ball, after
    /// projecting, and the value at the end counts. Without, the published code: every epoch is projected and evaluated,
    /// and the largest value counts; an epoch without a finite loss is neither projected nor counted.
    ///
    /// The gradient of an epoch's first mini-batch meets the losses of its images under the weights that the epoch before
    /// ended with: these are judged on the way, and only the other images anew.
    fn sgd(&self, stop: bool, slope: &[Tensor]) -> Result<Peak> {
        let (spec, surface) = (self.spec, self.surface);
        let radii = self.radii()?;
        let mut change = surface.zero()?;
        let mut nan_epochs = 0;
        let mut best: Option<(Judged, Vec<Tensor>)> = None;
        // One mini-batch that holds the whole set has the slope for its gradient.
        let mut ahead = surface.is_one_batch().then(|| slope.iter().map(Tensor::shallow_clone).collect::<Vec<_>>());
        for epoch in 0..spec.epochs {
            self.epoch(epoch, &mut change, ahead.take())?;
            let sizes = self.sizes(&change)?;
            if sizes.iter().any(|size| !size.is_finite()) {
                nan_epochs += spec.epochs - epoch;
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
                surface.glance(&change, self.control)?
            } else {
                let order = self.order(epoch + 1);
                let (gradients, judged) =
                    surface.batch_gradient_judged(self.batches(&order)[0], &change, self.control)?;
                ahead = Some(gradients);
                judged
            };
            if !judged.mean_loss().is_finite() {
                nan_epochs += 1;
            } else if best.as_ref().is_none_or(|(top, _)| judged.mean_loss() > top.mean_loss()) {
                let copy = change.iter().map(|tensor| Ok(tensor.f_detach_copy()?)).collect::<Result<_>>()?;
                best = Some((judged, copy));
            }
            if is_last {
                break;
            }
        }
        match best {
            Some((judged, change)) => self.peak(judged, &change, nan_epochs),
            None => Ok(Peak { judged: None, ratio: 0.0, first_order: 0.0, nan_epochs }),
        }
    }

    /// The peak at `change`, which the search has seen as `judged`.
    fn peak(&self, judged: Judged, change: &[Tensor], nan_epochs: u32) -> Result<Peak> {
        let judged = self.surface.confirm(change, judged, self.control)?;
        Ok(Peak { judged: Some(judged), ratio: self.ratio(change)?, first_order: 0.0, nan_epochs })
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
    /// point Δ*, where s is so long that the step ends on the boundary until one does not rise, and halves from then on;
    /// `epochs` steps, fewer once they stop paying; from the `starts` most promising of many starts. Only directions of
    /// gradients enter, so the result is invariant under the rescaling of the paper's appendix A.
    fn normalized_gradient(&self, foot: f64, slope: &[Tensor]) -> Result<Peak> {
        let radii = self.radii()?;
        let mut best: Option<Point> = None;
        for change in self.starts(slope, &radii)? {
            let rival = best.as_ref().map(|best| best.height);
            let top = self.climbed(change, foot, rival, &radii)?;
            best = top.filter(|top| top.height > rival.unwrap_or(foot)).or(best);
        }
        if let Some(best) = best {
            return self.peak(best.judged, &best.change, 0);
        }
        let zero = self.surface.zero()?;
        self.peak(self.surface.glance(&zero, self.control)?, &zero, 0)
    }

    /// The highest point on the way up from `change`; none when no loss was finite. An ascent that is about to end below
    /// `rival`, or at the same point, is given up.
    fn climbed(&self, mut change: Vec<Tensor>, foot: f64, rival: Option<f64>, radii: &[f64]) -> Result<Option<Point>> {
        let mut stretch = FIRST_STRETCH;
        let mut top: Option<Point> = None;
        let mut stalled = 0;
        for step in 1..=self.spec.epochs {
            // The gradient of a last point leads nowhere, and most often a second step that does not pay follows a first.
            let is_last = step == self.spec.epochs;
            let (mut gradient, judged) = if is_last || stalled + 1 == STALLED_STEPS {
                (None, self.surface.glance(&change, self.control)?)
            } else {
                let (gradient, judged) = self.surface.gradient(&change, self.control)?;
                (Some(gradient), judged)
            };
            let loss = judged.mean_loss();
            let height = top.as_ref().map(|top| top.height);
            let pays = height.is_none_or(|height| loss - height > WORTH_A_STEP * (loss - foot).abs());
            stalled = if loss.is_finite() && pays { 0 } else { stalled + 1 };
            let hoped = loss + BEATEN_BY_GAINS * (loss - height.unwrap_or(foot)).max(0.0);
            let is_beaten = rival.is_some_and(|rival| hoped < rival + WORTH_A_STEP * (rival - foot).abs());
            let is_end = is_last || stalled == STALLED_STEPS || is_beaten;
            if loss.is_finite() && height.is_none_or(|height| loss > height) {
                if gradient.is_none() && !is_end {
                    gradient = Some(self.surface.gradient(&change, self.control)?.0);
                }
                top = Some(Point { height: loss, judged, change, gradient });
            } else {
                stretch = (stretch / 2.0).min(NEXT_STRETCH);
            }
            let Some(Point { change: point, gradient: Some(gradient), .. }) = &top else { break };
            if is_end {
                break;
            }
            change = self.step(point, gradient, stretch, radii)?;
        }
        Ok(top)
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

    pub(super) fn sizes(&self, change: &[Tensor]) -> Result<Vec<f64>> {
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

    /// The point on each ball's boundary that lies along the gradient.
    pub(super) fn boundary(&self, gradient: &[Tensor], radii: &[f64]) -> Result<Vec<Tensor>> {
        gradient
            .iter()
            .zip(radii)
            .map(|(tensor, radius)| ball::boundary(self.spec.weight_norm, *radius, tensor))
            .collect()
    }
}
