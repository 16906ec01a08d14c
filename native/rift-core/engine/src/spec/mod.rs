//! Settings of every kind of work, complete and checked: the same names and enumerations as the wire contracts, so that
//! a service hands a request through. Each `check` names the field, the value and the rule.

mod attack;
mod compute;
mod criticality;
mod evaluation;
mod train;
mod training;

pub use attack::{AttackKind, AttackSpec, Norm, ThreatModel};
pub use compute::{ComputeSpec, Precision};
pub use criticality::{AscentMethod, CriticalitySpec, ModuleGroup, ModuleGrouping, Profile};
pub use evaluation::{CorruptSpec, CraftSpec, DiagnosticsSpec, EvaluateSpec};
pub use train::{ArchitectureSpec, CleanForwards, CraftBatchNorm, TrainMethod, TrainSpec};
pub use training::{AugmentSpec, BatchNormMode, FineTuneScope, FineTuneSpec, OptimizerSpec, PaddingMode, ScheduleKind};

use crate::error::{EngineError, Result};

/// Refuses `value` outside [low, high] and anything that is not a finite number.
pub(crate) fn within(field: &str, value: f64, low: f64, high: f64) -> Result<()> {
    if value.is_finite() && (low..=high).contains(&value) {
        return Ok(());
    }
    let rule =
        if high >= f64::MAX { format!("must be at least {low}") } else { format!("must be between {low} and {high}") };
    Err(EngineError::invalid(field, value, rule))
}
