//! Signs that a robust accuracy may be too high: what AutoAttack checks by itself, as sentences.

use tch::{Kind, Tensor};

use super::robust::Pair;
use super::runner::{Source, StageOutcome};
use crate::error::Result;
use crate::evaluate::bytes;
use crate::spec::{AttackKind, AttackSpec};

const FORWARDS: usize = 5;
const PROBABILITY: f64 = 1e-5;
/// Share of images that Square may still find after gradient attacks.
const SQUARE_FINDS: f64 = 0.002;

/// What the scores of a network look like.
pub struct Scores {
    /// Whether they are probabilities.
    pub are_probabilities: bool,
    /// Largest distance between the unit-normalised scores of the same images; infinite where a prediction differs.
    pub largest_difference: f64,
}

impl Scores {
    /// Largest difference between forwards of a network that is not randomised.
    pub const SAME: f64 = 1e-4;
}

/// Looks at the scores of the first images.
pub fn of_scores(pair: &Pair<'_>, source: &Source<'_>, batch_size: i64) -> Result<Scores> {
    let taken = source.take(&(0..source.len().min(batch_size)).collect::<Vec<_>>(), pair.judge.device())?;
    let first = tch::no_grad(|| pair.judge.logits(&taken.images))?;
    let mut largest_difference: f64 = 0.0;
    for _ in 1..FORWARDS {
        let again = tch::no_grad(|| pair.judge.logits(&taken.images))?;
        largest_difference = largest_difference.max(distance(&first, &again)?);
    }
    Ok(Scores { are_probabilities: is_probability(&first)?, largest_difference })
}

/// Checks on the network itself, on the first images; made for lists of attacks only.
pub fn of_network(pair: &Pair<'_>, source: &Source<'_>, spec: &AttackSpec, batch_size: i64) -> Result<Vec<String>> {
    let mut flags = Vec::new();
    if !spec.kind.is_list() {
        return Ok(flags);
    }
    let scores = of_scores(pair, source, batch_size)?;
    if scores.are_probabilities {
        flags.push(
            "the network gives probabilities instead of logits, which weakens gradient attacks; \
             attack it without its softmax"
                .into(),
        );
    }
    if spec.kind != AttackKind::AutoAttackRand && scores.largest_difference > Scores::SAME {
        flags.push(
            "the network is randomised (its scores of the same images differ); use the list AutoAttack rand".into(),
        );
    }
    Ok(flags)
}

/// Fills in the signs of finished stages over `images` images. They follow from counts alone, so that ranges of images
/// whose counts were added up get the signs of the whole (test/golden/attacks/flags.json holds both sides to it).
pub fn of_stages(outcomes: &mut [StageOutcome], images: usize) {
    for at in 0..outcomes.len() {
        let (before, rest) = outcomes.split_at_mut(at);
        let outcome = &mut rest[0];
        outcome.flags = zero_flag(outcome).into_iter().chain(square_flag(before, outcome, images)).collect();
    }
}

fn zero_flag(outcome: &StageOutcome) -> Option<String> {
    (outcome.zero_gradients > 0).then(|| {
        format!(
            "{} met a gradient of zero at its start {} times, so gradient attacks may overrate the network; \
             look for saturated logits or a step without gradient",
            outcome.kind.name(),
            outcome.zero_gradients
        )
    })
}

/// Square finding what gradients did not is a sign of gradient masking.
fn square_flag(before: &[StageOutcome], outcome: &StageOutcome, images: usize) -> Option<String> {
    let left = before.iter().map(|outcome| outcome.robust).min()?;
    let found = f64::from(left.saturating_sub(outcome.robust)) / images.max(1) as f64;
    (outcome.kind == AttackKind::Square && found > SQUARE_FINDS).then(|| {
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

    #[derive(serde::Deserialize)]
    struct Case {
        images: usize,
        stages: Vec<Counts>,
        flags: Vec<Vec<String>>,
    }

    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Counts {
        kind: AttackKind,
        robust: u32,
        zero_gradients: u64,
    }

    #[test]
    fn signs_follow_from_counts_as_the_orchestrator_makes_them_too() {
        let cases = include_str!("../../../../../test/golden/attacks/flags.json");
        for case in serde_json::from_str::<Vec<Case>>(cases).unwrap() {
            let outcome = |counts: &Counts| StageOutcome {
                kind: counts.kind,
                robust: counts.robust,
                seconds: 1.0,
                zero_gradients: counts.zero_gradients,
                flags: Vec::new(),
            };
            let mut stages: Vec<StageOutcome> = case.stages.iter().map(outcome).collect();
            of_stages(&mut stages, case.images);
            assert_eq!(stages.into_iter().map(|stage| stage.flags).collect::<Vec<_>>(), case.flags);
        }
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
        assert!(distance(&first, &first).unwrap() < Scores::SAME);
        assert!(distance(&first, &(1.0 - &first)).unwrap().is_infinite());
    }
}
