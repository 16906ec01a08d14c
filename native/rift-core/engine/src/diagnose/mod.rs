//! Whether adversarial accuracies of a network can be believed. What fools gradient attacks (masked, shattered or missing
//! gradients, randomness, an attack stopped too soon) also inflates the accuracy they report; each check looks for one such
//! cause, after Carlini et al. 2019 ("On Evaluating Adversarial Robustness"), the flags of `AutoAttack` (Croce & Hein 2020)
//! and the indicators of attack failure (Pintor et al. 2022). docs/evaluation.md lists checks and limits.

mod checks;
mod ladder;
mod probe;

use serde::Serialize;

use crate::attack::flags;
use crate::attack::runner::{class_count, Source};
use crate::attack::Pair;
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::evaluate::{standard, Outcome};
use crate::spec::{AttackSpec, DiagnosticsSpec};

/// What a check says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Verdict {
    /// Nothing speaks against the figures.
    #[serde(rename = "DIAGNOSTIC_VERDICT_PASS")]
    Pass,
    /// The figures may be a little too high, or a weak attack would be misled.
    #[serde(rename = "DIAGNOSTIC_VERDICT_WARN")]
    Warn,
    /// The figures are not to be believed without an attack adapted to the network.
    #[serde(rename = "DIAGNOSTIC_VERDICT_FAIL")]
    Fail,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Check {
    /// Stable name.
    pub name: &'static str,
    /// What it says.
    pub verdict: Verdict,
    /// The figure behind it.
    pub value: f64,
    /// What the figure may be for [`Verdict::Pass`].
    pub limit: f64,
    /// The finding in a sentence.
    pub finding: String,
}

/// One attack of the ladder.
#[derive(Debug, Clone, Serialize)]
pub struct Rung {
    /// What it is.
    pub name: String,
    /// The attack, complete.
    pub attack: AttackSpec,
    /// Images robust under it, out of those the network gets right.
    pub outcome: Outcome,
}

/// Result of the diagnostics.
#[derive(Debug, Clone, Serialize)]
pub struct Diagnosis {
    /// The gravest verdict of all checks.
    pub verdict: Verdict,
    /// Images looked at that the network gets right.
    pub images: u32,
    /// The checks.
    pub checks: Vec<Check>,
    /// The ladder.
    pub ladder: Vec<Rung>,
}

/// A network and the images that it is looked at with.
pub struct Subject<'a> {
    /// The network.
    pub pair: &'a Pair<'a>,
    /// Images; the first of them are used.
    pub data: &'a Dataset,
    /// Id of the first image.
    pub offset: u64,
    /// Seed of every random draw.
    pub seed: u64,
    /// Images per batch; at least 1.
    pub batch_size: i64,
}

/// Makes all checks. `progress` is told what is done now and the share of the work finished, 0 to 1.
///
/// # Errors
/// A rule of `spec`; a network that gets no image right, of which nothing can be said; [`EngineError::Cancelled`].
pub fn diagnose(
    subject: &Subject<'_>, spec: &DiagnosticsSpec, control: &Control, progress: &mut dyn FnMut(&str, f64),
) -> Result<Diagnosis> {
    spec.check()?;
    let (judge, data) = (subject.pair.judge, subject.data);
    let looked_at = data.first(i64::from(spec.images).min(data.len()))?;
    let clean = standard(judge, &looked_at, subject.batch_size, control)?;
    let right: Vec<i64> = (0..looked_at.len()).filter(|at| clean.per_image[*at as usize] == 1).collect();
    if right.is_empty() {
        let rule = "must hold images that the network classifies right; there is nothing to attack";
        return Err(EngineError::invalid("data", format!("the first {} images", looked_at.len()), rule));
    }
    let images = looked_at.subset(&right)?;
    let subject = Subject { data: &images, ..*subject };
    progress("gradients", 0.0);
    let probed = probe::probe(&subject, spec.threat_model, control)?;
    let classes = class_count(subject.pair, &Source::Dataset(&images, subject.offset))?;
    let climbed = ladder::climb(&subject, spec.threat_model, classes, control, progress)?;
    let network = flags::of_scores(subject.pair, &Source::Dataset(&images, subject.offset), subject.batch_size)?;
    let checks = checks::all(&probed, &climbed, &network, spec.threat_model);
    let verdict = checks.iter().map(|check| check.verdict).max().unwrap_or(Verdict::Pass);
    Ok(Diagnosis { verdict, images: right.len() as u32, checks, ladder: climbed.rungs })
}
