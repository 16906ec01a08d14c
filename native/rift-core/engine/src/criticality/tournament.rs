//! Where an ascent begins. Over a weight ball the robust loss has many local maxima: about one for each class that the changed
//! module can push all images to, and saddles between them. Which one an ascent ends in is decided where it begins, so many
//! starts compete on few images, and the best of them are climbed on all. What few images favour need not be best on all, the less
//! the more weights the module has, so the gradient of the whole set is a start that need not compete.

use tch::Tensor;

use super::ascent::Search;
use crate::error::Result;

/// Slices of the set; the gradient of each gives a start.
const SLICES: i64 = 4;
/// Classes that starts push all images to, at most; of more classes, as many evenly spaced ones.
const TARGETS: i64 = 10;

/// A part of the competition, in which each start makes a step.
struct Round {
    /// One image in so many is looked at.
    spacing: i64,
    /// Images that are looked at in any case, as far as there are so many.
    images: i64,
    /// Starts that stay in.
    stay: usize,
}

const ROUNDS: [Round; 3] = [
    Round { spacing: 8, images: 32, stay: 7 },
    Round { spacing: 8, images: 32, stay: 3 },
    Round { spacing: 4, images: 64, stay: 1 },
];

struct Start {
    change: Vec<Tensor>,
    /// Loss there over the images of the round, and its gradient; none before it was looked at.
    seen: Option<(f64, Vec<Tensor>)>,
}

impl Search<'_> {
    /// The changes to climb on from: the `spec.starts` most promising ones, and the boundary point along `slope`, the
    /// gradient over the whole set at the unit's own weights. Nothing is drawn at random.
    pub(super) fn starts(&self, slope: &[Tensor], radii: &[f64]) -> Result<Vec<Vec<Tensor>>> {
        let wanted = self.spec.starts as usize;
        let mut looked_at = self.spread(&ROUNDS[0]);
        let mut starts = self.candidates(&looked_at, radii)?;
        for round in &ROUNDS {
            let rows = self.spread(round);
            if rows != looked_at {
                for start in &mut starts {
                    start.seen = None;
                }
            }
            for start in &mut starts {
                self.advance(start, &rows, radii)?;
            }
            starts.sort_by(|a, b| height(b).total_cmp(&height(a)));
            starts.truncate(round.stay.max(wanted));
            looked_at = rows;
        }
        let best = starts.into_iter().take(wanted).map(|start| start.change);
        Ok(best.chain([self.boundary(slope, radii)?]).collect())
    }

    /// Boundary points along the gradients of slices of the set, and towards classes.
    fn candidates(&self, rows: &[i64], radii: &[f64]) -> Result<Vec<Start>> {
        let zero = self.surface.zero()?;
        let classes = self.surface.classes();
        let targets = classes.min(TARGETS);
        let mut directions = Vec::new();
        for slice in 0..SLICES {
            let rows = self.slice(slice);
            directions.push(self.surface.batch_gradient(&rows, &zero, self.control)?);
        }
        for target in 0..targets {
            directions.push(self.surface.gradient_towards(target * classes / targets, rows, &zero, self.control)?);
        }
        directions.iter().map(|to| Ok(Start { change: self.boundary(to, radii)?, seen: None })).collect()
    }

    /// A step to the boundary point along the gradient; the better of both points stays.
    fn advance(&self, start: &mut Start, rows: &[i64], radii: &[f64]) -> Result<()> {
        let look = |change: &[Tensor]| self.surface.part_gradient(rows, change, self.control);
        let seen = match start.seen.take() {
            Some(seen) => seen,
            None => look(&start.change)?,
        };
        let change = self.boundary(&seen.1, radii)?;
        let next = look(&change)?;
        if next.0 > seen.0 || !seen.0.is_finite() {
            (start.change, start.seen) = (change, Some(next));
        } else {
            start.seen = Some(seen);
        }
        Ok(())
    }

    /// Every eighth image from `first` on; a set of eight or fewer is taken whole.
    fn slice(&self, first: i64) -> Vec<i64> {
        let count = self.surface.count();
        if count <= 8 {
            (0..count).collect()
        } else {
            (first..count).step_by(8).collect()
        }
    }

    /// Evenly spaced images.
    fn spread(&self, round: &Round) -> Vec<i64> {
        let count = self.surface.count();
        let wanted = (count / round.spacing).max(round.images).min(count);
        (0..wanted).map(|row| row * count / wanted).collect()
    }
}

/// What a start is ranked by: losses that are not finite come last.
fn height(start: &Start) -> f64 {
    start.seen.as_ref().map(|(loss, _)| *loss).filter(|loss| loss.is_finite()).unwrap_or(f64::NEG_INFINITY)
}
