//! Module robust criticality.

use serde::{Deserialize, Serialize};

use super::{within, Norm};
use crate::error::{EngineError, Result};

/// A complete, named set of choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Profile {
    /// Single stages may be measured outside any profile.
    #[serde(rename = "PROFILE_UNSPECIFIED")]
    Unspecified,
    /// As the paper's text says.
    #[serde(rename = "PROFILE_PAPER")]
    Paper,
    /// As the published code does.
    #[serde(rename = "PROFILE_CODE")]
    Code,
    /// Held-out selection, better maximiser.
    #[serde(rename = "PROFILE_SOUND")]
    Sound,
}

/// How the largest rise of the loss is sought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AscentMethod {
    /// Mini-batch SGD, projected and evaluated once an epoch (published code).
    #[serde(rename = "ASCENT_METHOD_SGD_EPOCH")]
    SgdEpoch,
    /// Mini-batch SGD that ends with the first violation (paper, algorithm 1).
    #[serde(rename = "ASCENT_METHOD_SGD_STOP")]
    SgdStop,
    /// Normalised full-gradient steps, best iterate kept.
    #[serde(rename = "ASCENT_METHOD_NORMALIZED_GRADIENT")]
    NormalizedGradient,
}

/// What is perturbed together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ModuleGrouping {
    /// Same as `Layer`.
    #[serde(rename = "MODULE_GROUPING_UNSPECIFIED")]
    Unspecified,
    /// One weight at a time.
    #[serde(rename = "MODULE_GROUPING_LAYER")]
    Layer,
    /// All weights of a residual block, one ball per weight.
    #[serde(rename = "MODULE_GROUPING_BLOCK")]
    Block,
    /// The named groups, one ball per weight.
    #[serde(rename = "MODULE_GROUPING_NAMED")]
    Named,
}

/// Modules perturbed together under one name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModuleGroup {
    /// Name.
    pub name: String,
    /// Modules, none twice.
    pub modules: Vec<String>,
}

/// Settings of module robust criticality.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CriticalitySpec {
    /// Where the other fields were taken from.
    pub profile: Profile,
    /// Radius of the ball relative to the weight's norm.
    pub weight_epsilon: f64,
    /// Norm of the ball.
    pub weight_norm: Norm,
    /// Maximiser.
    pub ascent: AscentMethod,
    /// Epochs, or full-gradient steps.
    pub epochs: u32,
    /// Learning rate of the SGD maximisers.
    pub learning_rate: f64,
    /// Mini-batch of the SGD maximisers.
    pub batch_size: u32,
    /// Starts of the normalised gradient that are climbed on all images, out of those that compete on few.
    pub starts: u32,
    /// Seed of shuffles.
    pub seed: u32,
    /// Modules or blocks; empty means all.
    pub modules: Vec<String>,
    /// What is perturbed together.
    pub grouping: ModuleGrouping,
    /// Groups of [`ModuleGrouping::Named`].
    #[serde(default)]
    pub groups: Vec<ModuleGroup>,
    /// Only first-order estimates, from one backward pass.
    #[serde(default)]
    pub estimate_only: bool,
}

impl CriticalitySpec {
    /// Checks every field's rule; module names are checked against the network.
    pub fn check(&self) -> Result<()> {
        within("weightEpsilon", self.weight_epsilon, 0.0, f64::MAX)?;
        within("epochs", f64::from(self.epochs), 1.0, 1000.0)?;
        within("batchSize", f64::from(self.batch_size), 1.0, 65_536.0)?;
        within("starts", f64::from(self.starts), 1.0, 100.0)?;
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(EngineError::invalid("learningRate", self.learning_rate, "must be greater than 0"));
        }
        self.check_groups()
    }

    fn check_groups(&self) -> Result<()> {
        if self.grouping != ModuleGrouping::Named {
            return if self.groups.is_empty() {
                Ok(())
            } else {
                let rule = "must be empty unless grouping is MODULE_GROUPING_NAMED";
                Err(EngineError::invalid("groups", format!("{} groups", self.groups.len()), rule))
            };
        }
        if !self.modules.is_empty() {
            let rule = "must be empty when grouping is MODULE_GROUPING_NAMED; name them in groups";
            return Err(EngineError::invalid("modules", self.modules.join(", "), rule));
        }
        if self.groups.is_empty() {
            let rule = "must name at least one group when grouping is MODULE_GROUPING_NAMED";
            return Err(EngineError::invalid("groups", "empty", rule));
        }
        for (index, group) in self.groups.iter().enumerate() {
            if self.groups.iter().take(index).any(|other| other.name == group.name) {
                let field = format!("groups[{index}].name");
                return Err(EngineError::invalid(&field, &group.name, "must be unlike that of any other group"));
            }
            let field = format!("groups[{index}].modules");
            if group.modules.is_empty() {
                return Err(EngineError::invalid(&field, "empty", "must name at least one module"));
            }
            let repeated = group.modules.iter().enumerate().find(|(at, name)| group.modules[..*at].contains(name));
            if let Some((_, name)) = repeated {
                return Err(EngineError::invalid(&field, name, "must not name anything twice"));
            }
        }
        Ok(())
    }
}
