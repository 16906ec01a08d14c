//! Crafting, evaluation and corruption.

use serde::{Deserialize, Serialize};

use super::{within, AttackSpec, Norm, ThreatModel};
use crate::error::{EngineError, Result};

/// An adversarial set to craft.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CraftSpec {
    /// Attack.
    pub attack: AttackSpec,
    /// Seed of every random draw.
    pub seed: u32,
}

/// What is measured on a network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EvaluateSpec {
    /// Clean images.
    pub standard: bool,
    /// Attacks, each on its own.
    pub attacks: Vec<AttackSpec>,
    /// Corruptions by name.
    pub corruptions: Vec<String>,
    /// Severities, 1 to 5.
    pub severities: Vec<u32>,
    /// Seed of attacks and corruptions.
    pub seed: u32,
    /// Adversarial pictures to keep.
    pub gallery: u32,
    /// Checks whether adversarial accuracies can be believed.
    #[serde(default)]
    pub diagnostics: Option<DiagnosticsSpec>,
}

/// Whether adversarial accuracies of a network can be believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiagnosticsSpec {
    /// Threat model whose accuracies are to be believed.
    pub threat_model: ThreatModel,
    /// Images looked at, the first of the selection.
    pub images: u32,
}

impl DiagnosticsSpec {
    /// Checks every field's rule.
    pub fn check(&self) -> Result<()> {
        let model = self.threat_model;
        if model.norm == Norm::L1 {
            return Err(EngineError::invalid("threatModel.norm", "NORM_L1", "must be NORM_LINF or NORM_L2"));
        }
        if !(model.epsilon.is_finite() && model.epsilon > 0.0) {
            return Err(EngineError::invalid("threatModel.epsilon", model.epsilon, "must be greater than 0"));
        }
        within("threatModel.epsilon", model.epsilon, 0.0, if model.norm == Norm::Linf { 1.0 } else { f64::MAX })?;
        within("images", f64::from(self.images), 1.0, 10_000.0)
    }
}

impl EvaluateSpec {
    /// Checks every field's rule; corruption names are checked where they are made.
    pub fn check(&self) -> Result<()> {
        for (index, attack) in self.attacks.iter().enumerate() {
            attack.check().map_err(|error| error.under(&format!("attacks[{index}]")))?;
        }
        if let Some(bad) = self.severities.iter().find(|severity| !(1..=5).contains(*severity)) {
            return Err(EngineError::invalid("severities", bad, "must be between 1 and 5"));
        }
        if !self.corruptions.is_empty() && self.severities.is_empty() {
            return Err(EngineError::invalid(
                "severities",
                "empty",
                "must name at least one severity with corruptions",
            ));
        }
        if let Some(diagnostics) = &self.diagnostics {
            diagnostics.check().map_err(|error| error.under("diagnostics"))?;
        }
        within("gallery", f64::from(self.gallery), 0.0, 100.0)
    }
}

/// A corrupted split to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CorruptSpec {
    /// Corruption by name.
    pub corruption: String,
    /// Severity, 1 to 5.
    pub severity: u32,
    /// Seed, used per image.
    pub seed: u32,
}
