//! Crafting, evaluation and corruption.

use serde::{Deserialize, Serialize};

use super::{within, AttackSpec};
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
