//! Signs that a robust accuracy may be too high: what AutoAttack checks by itself, as sentences.

use tch::{Kind, Tensor};

use super::robust::Pair;
use super::runner::{Position, Source, StageOutcome};
use super::stage::Stage;
use crate::error::Result;
use crate::evaluate::bytes;
use crate::spec::{AttackKind, AttackSpec};

const FORWARDS: usize = 5;
/// Largest difference of unit-normalised logits between forwards of the same images.
const SAME: f64 = 1e-4;
const PROBABILITY: f64 = 1e-5;
/// Share of images that Square may still find after gradient attacks.
const SQUARE_FINDS: f64 = 0.002;

/// Checks on the network itself, on the first images; made for lists of attacks only.
pub fn of_network(pair: &Pair<'_>, source: &Source<'_>, spec: &AttackSpec, batch_size: i64) -> Result<Vec<String>> {
    let mut flags = Vec::new();
    if !spec.kind.is_list() {
        return Ok(flags);
    }
    let taken = source.take(&(0..source.len().min(batch_size)).collect::<Vec<_>>(), pair.judge.device())?;
    let first = tch::no_grad(|| pair.judge.logits(&taken.images))?;
    if is_probability(&first)? {
        flags.push(
            "the network gives probabilities instead of logits, which weakens gradient attacks; \
             attack it without its softmax"
                .into(),
        );
    }
    if spec.kind != AttackKind::AutoAttackRand {
        let mut largest: f64 = 0.0;
        for _ in 1..FORWARDS {
            let again = tch::no_grad(|| pair.judge.logits(&taken.images))?;
            largest = largest.max(distance(&first, &again)?);
        }
        if largest > SAME {
            flags.push(format!(
                "the network is randomised (its scores of the same images differ by {largest:.1e}); \
                 use the list AutoAttack rand"
            ));
        }
    }
    Ok(flags)
}

/// Checks on a finished run.
pub fn of_run(stages: &[Stage], position: &Position, images: usize) -> Vec<String> {
    let mut flags = Vec::new();
    for (stage, zeros) in stages.iter().zip(&position.zero_gradients_by_stage) {
        if *zeros > 0 {
            flags.push(format!(
                "{} met a gradient of zero at its start {zeros} times, so gradient attacks may overrate the network; \
                 look for saturated logits or a step without gradient",
                stage.spec.kind.name()
            ));
        }
    }
    flags.extend(square_flag(&position.outcomes, images));
    flags
}

/// Square finding what gradients did not is a sign of gradient masking.
fn square_flag(outcomes: &[StageOutcome], images: usize) -> Option<String> {
    let square = outcomes.iter().position(|outcome| outcome.kind == AttackKind::Square)?;
    let before = outcomes[..square].iter().map(|outcome| outcome.robust).min()?;
    let found = f64::from(before.saturating_sub(outcomes[square].robust)) / images.max(1) as f64;
    (found > SQUARE_FINDS).then(|| {
        format!(
            "Square lowered robust accuracy by {:.2} points after the gradient attacks, a sign of gradient masking; \
             use an attack adapted to the network",
            100.0 * found
        )
    })
}

fn is_probability(logits: &Tensor) -> Result<bool> {
    let sums = logits.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?.f_sub_scalar(1.0)?.f_abs()?;
    let (low, high) = (f64::try_from(&logits.f_min()?)?, f64::try_from(&logits.f_max()?)?);
    Ok(low > -PROBABILITY && high < 1.0 + PROBABILITY && f64::try_from(&sums.f_max()?)? < PROBABILITY)
}

/// Largest distance between the unit-normalised rows; infinite where a prediction differs.
fn distance(first: &Tensor, again: &Tensor) -> Result<f64> {
    let same = first.f_argmax(1, false)?.f_eq_tensor(&again.f_argmax(1, false)?)?;
    if bytes(&same)?.contains(&0) {
        return Ok(f64::INFINITY);
    }
    let unit = |logits: &Tensor| -> Result<Tensor> {
        Ok(logits.f_div(&logits.f_norm_scalaropt_dim(2.0, [1], true)?.f_add_scalar(1e-10)?)?)
    };
    let apart = unit(first)?.f_sub(&unit(again)?)?.f_norm_scalaropt_dim(2.0, [1], false)?;
    Ok(f64::try_from(&apart.f_max()?)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes(robust: [u32; 3]) -> Vec<StageOutcome> {
        [AttackKind::ApgdCe, AttackKind::ApgdT, AttackKind::Square]
            .into_iter()
            .zip(robust)
            .map(|(kind, robust)| StageOutcome { kind, robust, seconds: 1.0 })
            .collect()
    }

    #[test]
    fn square_after_gradients_is_a_flag_above_a_fifth_of_a_point() {
        assert!(square_flag(&outcomes([500, 480, 478]), 1000).is_none());
        let flag = square_flag(&outcomes([500, 480, 450]), 1000).unwrap();
        assert!(flag.contains("3.00 points"), "{flag}");
    }

    #[test]
    fn probabilities_are_told_from_logits() {
        let logits = Tensor::from_slice(&[0.2f32, 0.5, 0.1, 0.4]).view([2, 2]);
        assert!(!is_probability(&logits).unwrap());
        assert!(is_probability(&logits.softmax(1, Kind::Float)).unwrap());
    }

    #[test]
    fn a_change_of_prediction_is_infinitely_far() {
        let first = Tensor::from_slice(&[1.0f32, 0.0]).view([1, 2]);
        assert!(distance(&first, &first).unwrap() < SAME);
        assert!(distance(&first, &(1.0 - &first)).unwrap().is_infinite());
    }
}
