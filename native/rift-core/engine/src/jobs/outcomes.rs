//! Wire forms of outcomes.

use serde::Serialize;

use crate::attack::{Audit, DatasetAttacked, StageOutcome};
use crate::evaluate::Outcome;
use crate::spec::AttackSpec;

/// `rift.common.v1.AttackOutcome`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AttackOutcome {
    attack: AttackSpec,
    /// Images robust under it.
    pub outcome: Outcome,
    /// Checks on the perturbations.
    pub audit: Audit,
    stages: Vec<StageOutcome>,
    flags: Vec<String>,
    images_per_second: f64,
}

impl AttackOutcome {
    /// The wire form of an attack on a data set.
    pub fn new(attack: &AttackSpec, attacked: DatasetAttacked) -> Self {
        Self {
            attack: attack.clone(),
            outcome: Outcome::new(attacked.per_image, &attacked.losses),
            audit: attacked.audit,
            stages: attacked.stages,
            flags: attacked.flags,
            images_per_second: attacked.image_steps as f64 / attacked.seconds.max(1e-9),
        }
    }
}

/// `rift.common.v1.CorruptionOutcome`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CorruptionOutcome {
    /// Corruption.
    pub name: String,
    /// One per severity.
    pub severities: Vec<SeverityOutcome>,
}

/// `rift.common.v1.SeverityOutcome`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SeverityOutcome {
    /// 1 to 5.
    pub severity: u32,
    /// Images classified right.
    pub outcome: Outcome,
}
