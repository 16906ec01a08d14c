//! Where an ascent begins. Over a weight ball the robust loss has many local maxima: about one for each class that the changed
//! module can push all images to, and saddles between them. Which one an ascent ends in is decided where it begins, so many
//! starts compete on few images, and the best of them are climbed on all. Each start comes down from a ball that is many times
//! larger, where one class has won already and the gradient points to the maximum that is near; seen from the network as it is,
//! most directions lead to the same few maxima, often not the highest.

use tch::Tensor;

use super::ascent::Search;
use crate::error::Result;

/// Classes that starts push all images to, at most; of more classes, as many evenly spaced ones.
const TARGETS: i64 = 10;
/// Radii, as multiples of the ball's, from which a start comes down.
const LARGER_BALLS: [f64; 2] = [20.0, 4.0];

/// A part of the competition, in which each start makes a step. Few images see the large differences; the small ones of late
/// rounds take more.
struct Round {
    /// Images that the step climbs on.
    climbed: Few,
    /// Images that judge it.
    judges: Few,
    /// Starts that stay in.
    stay: usize,
}

/// Evenly spaced images.
#[derive(Clone, Copy, PartialEq)]
struct Few {
    /// One in so many,
    spacing: i64,
    /// but so many in any case, as far as there are.
    least: i64,
}

const EIGHTH: Few = Few { spacing: 8, least: 64 };
const QUARTER: Few = Few { spacing: 4, least: 128 };
const HALF: Few = Few { spacing: 2, least: 256 };

const ROUNDS: [Round; 3] = [
    Round { climbed: EIGHTH, judges: EIGHTH, stay: 5 },
    Round { climbed: EIGHTH, judges: QUARTER, stay: 3 },
    Round { climbed: QUARTER, judges: HALF, stay: 1 },
];

struct Start {
    change: Vec<Tensor>,
    /// Loss there over the judges of the last round.
    height: f64,
}

impl Search<'_> {
    /// The changes to climb on from: the `spec.starts` most promising ones, and the boundary point along `slope`, the gradient
    /// over the whole set at the unit's own weights: a maximum of little rise may be near it that no larger ball shows.
    /// Nothing is drawn at random.
    pub(super) fn starts(&self, slope: &[Tensor], radii: &[f64]) -> Result<Vec<Vec<Tensor>>> {
        let wanted = self.spec.starts as usize;
        let mut starts = self.candidates(slope, &self.spread(EIGHTH), radii)?;
        for round in &ROUNDS {
            let (climbed, judges) = (self.spread(round.climbed), self.spread(round.judges));
            for start in &mut starts {
                self.advance(start, &climbed, &judges, radii)?;
            }
            starts.sort_by(|a, b| b.height.total_cmp(&a.height));
            starts.truncate(round.stay.max(wanted));
        }
        let best = starts.into_iter().take(wanted).map(|start| start.change);
        Ok(best.chain([self.boundary(slope, radii)?]).collect())
    }

    /// Boundary points along the slope and towards classes, each led down from larger balls.
    fn candidates(&self, slope: &[Tensor], rows: &[i64], radii: &[f64]) -> Result<Vec<Start>> {
        let zero = self.surface.zero()?;
        let classes = self.surface.classes();
        let targets = classes.min(TARGETS);
        let mut changes = vec![self.boundary(slope, radii)?];
        for target in 0..targets {
            let class = target * classes / targets;
            changes.push(self.boundary(&self.surface.gradient_towards(class, rows, &zero, self.control)?, radii)?);
        }
        let starts = changes.into_iter().map(|change| {
            let change = self.led_down(change, rows, radii)?;
            Ok(Start { change, height: f64::NEG_INFINITY })
        });
        starts.collect()
    }

    /// From the point that `change` points to in each larger ball to the boundary point along the gradient there.
    fn led_down(&self, mut change: Vec<Tensor>, rows: &[i64], radii: &[f64]) -> Result<Vec<Tensor>> {
        for times in LARGER_BALLS {
            let far = change.iter().map(|change| Ok(change.f_mul_scalar(times)?)).collect::<Result<Vec<_>>>()?;
            let (loss, gradient) = self.surface.part_gradient(rows, &far, self.control)?;
            // Far out the loss may not be finite, or all images so wrong that nothing leads on.
            let next = self.boundary(&gradient, radii)?;
            if loss.is_finite() && self.sizes(&next)?.iter().all(|size| size.is_finite() && *size > 0.0) {
                change = next;
            }
        }
        Ok(change)
    }

    /// A step to the boundary point along the gradient over the images `climbed`; the better of both points stays.
    fn advance(&self, start: &mut Start, climbed: &[i64], judges: &[i64], radii: &[f64]) -> Result<()> {
        let (loss, gradient) = self.surface.part_gradient(climbed, &start.change, self.control)?;
        let judge = |change: &[Tensor]| self.surface.part_glance(judges, change, self.control);
        let change = self.boundary(&gradient, radii)?;
        let here = finite(if climbed == judges { loss } else { judge(&start.change)? });
        let there = finite(judge(&change)?);
        start.height = here.max(there);
        if there > here {
            start.change = change;
        }
        Ok(())
    }

    fn spread(&self, few: Few) -> Vec<i64> {
        let count = self.surface.count();
        let wanted = (count / few.spacing).max(few.least).min(count);
        (0..wanted).map(|row| row * count / wanted).collect()
    }
}

/// Losses that are not finite come last.
fn finite(loss: f64) -> f64 {
    if loss.is_finite() {
        loss
    } else {
        f64::NEG_INFINITY
    }
}
