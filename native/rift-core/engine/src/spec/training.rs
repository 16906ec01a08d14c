//! Optimizer, augmentation and fine-tuning.

use serde::{Deserialize, Serialize};

use super::within;
use crate::error::{EngineError, Result};

/// What happens to batch-norm statistics while fine-tuning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BatchNormMode {
    /// Batch statistics normalise and running statistics move.
    #[serde(rename = "BATCH_NORM_MODE_TRACK")]
    Track,
    /// Running statistics normalise and stay.
    #[serde(rename = "BATCH_NORM_MODE_FREEZE")]
    Freeze,
    /// Frozen, then re-estimated on the clean training data at the end.
    #[serde(rename = "BATCH_NORM_MODE_REESTIMATE")]
    Reestimate,
}

/// Learning-rate schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum ScheduleKind {
    /// The same rate throughout.
    #[serde(rename = "SCHEDULE_KIND_CONSTANT")]
    Constant,
    /// Multiplied by gamma at each milestone.
    #[serde(rename = "SCHEDULE_KIND_STEP")]
    Step,
    /// Half a cosine down to 0.
    #[serde(rename = "SCHEDULE_KIND_COSINE")]
    Cosine,
    /// Linear rise, then linear fall to 0.
    #[serde(rename = "SCHEDULE_KIND_ONE_CYCLE")]
    OneCycle,
    /// PyTorch's `OneCycleLR` with its defaults, stepped once an epoch.
    #[serde(rename = "SCHEDULE_KIND_ONE_CYCLE_COSINE")]
    OneCycleCosine,
}

/// Stochastic gradient descent with PyTorch's conventions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct OptimizerSpec {
    /// Learning rate, the peak for one cycle.
    pub learning_rate: f64,
    /// Momentum.
    pub momentum: f64,
    /// Weight decay, added to the gradient.
    pub weight_decay: f64,
    /// Nesterov momentum.
    pub nesterov: bool,
    /// Schedule.
    pub schedule: ScheduleKind,
    /// Epochs at which `Step` multiplies.
    pub milestones: Vec<u32>,
    /// Factor of `Step`.
    pub gamma: f64,
    /// Rising share of `OneCycle`.
    pub pct_start: f64,
}

impl OptimizerSpec {
    /// Checks every field's rule.
    pub fn check(&self) -> Result<()> {
        if !(self.learning_rate.is_finite() && self.learning_rate > 0.0) {
            return Err(EngineError::invalid("learningRate", self.learning_rate, "must be greater than 0"));
        }
        within("momentum", self.momentum, 0.0, 1.0)?;
        within("weightDecay", self.weight_decay, 0.0, f64::MAX)?;
        within("gamma", self.gamma, 0.0, 1.0)?;
        within("pctStart", self.pct_start, 0.0, 1.0)
    }

    /// Learning rate for a step that starts `progress` of the way through `epochs` epochs (0 ≤ progress < 1).
    pub fn rate_at(&self, progress: f64, epochs: u32) -> f64 {
        match self.schedule {
            ScheduleKind::Constant => self.learning_rate,
            ScheduleKind::Step => {
                let epoch = progress * f64::from(epochs) + 1e-9;
                let drops = self.milestones.iter().filter(|milestone| epoch >= f64::from(**milestone)).count();
                self.learning_rate * self.gamma.powi(drops as i32)
            }
            ScheduleKind::Cosine => self.learning_rate * 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            ScheduleKind::OneCycle if progress < self.pct_start => self.learning_rate * progress / self.pct_start,
            ScheduleKind::OneCycle => self.learning_rate * (1.0 - progress) / (1.0 - self.pct_start).max(1e-12),
            ScheduleKind::OneCycleCosine => {
                let first = self.learning_rate / 25.0;
                self.cycle(progress, epochs, [first, self.learning_rate, first / 1e4])
            }
        }
    }

    /// Momentum for the same step: [`ScheduleKind::OneCycleCosine`] moves it against the rate.
    pub fn momentum_at(&self, progress: f64, epochs: u32) -> f64 {
        match self.schedule {
            ScheduleKind::OneCycleCosine => self.cycle(progress, epochs, [0.95, 0.85, 0.95]),
            _ => self.momentum,
        }
    }

    /// Half cosines from the first value over the second, at `pct_start`, to the third, constant within an epoch. The
    /// peak lies at epoch `pct_start`·epochs − 1, the end at the last epoch, both from 0, as in PyTorch.
    fn cycle(&self, progress: f64, epochs: u32, [first, peak, last]: [f64; 3]) -> f64 {
        let total = f64::from(epochs);
        let epoch = (progress * total + 1e-9).floor();
        let top = (self.pct_start * total - 1.0).max(0.0);
        let anneal =
            |from: f64, to: f64, share: f64| to + (from - to) / 2.0 * (1.0 + (std::f64::consts::PI * share).cos());
        if epoch < top {
            anneal(first, peak, epoch / top)
        } else {
            anneal(peak, last, (epoch - top) / (total - 1.0 - top).max(f64::MIN_POSITIVE))
        }
    }
}

/// Padding of the random crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaddingMode {
    /// Mirror without repeating the edge.
    #[serde(rename = "PADDING_MODE_REFLECT")]
    Reflect,
    /// Zeros.
    #[serde(rename = "PADDING_MODE_ZERO")]
    Zero,
}

/// Random crop and flip.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AugmentSpec {
    /// Pixels padded on each side; 0 turns the crop off.
    pub padding: u32,
    /// What is padded.
    pub padding_mode: PaddingMode,
    /// Whether half of the images are mirrored.
    pub flip: bool,
}

/// Which weights are fine-tuned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FineTuneScope {
    /// The named modules.
    #[serde(rename = "FINE_TUNE_SCOPE_MODULES")]
    Modules,
    /// Every parameter.
    #[serde(rename = "FINE_TUNE_SCOPE_ALL")]
    All,
    /// The last linear layer's weight.
    #[serde(rename = "FINE_TUNE_SCOPE_LAST")]
    Last,
}

/// Fine-tuning on clean data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FineTuneSpec {
    /// Which weights move.
    pub scope: FineTuneScope,
    /// Modules of scope `Modules`.
    pub modules: Vec<String>,
    /// Epochs.
    pub epochs: u32,
    /// Images per step.
    pub batch_size: u32,
    /// Optimizer and schedule.
    pub optimizer: OptimizerSpec,
    /// Augmentation.
    pub augment: AugmentSpec,
    /// Batch norm.
    pub batch_norm: BatchNormMode,
    /// Keep the epoch best on the selection split, or the last.
    pub keep_best: bool,
    /// When above 0, every weight stays within this share of its starting norm.
    pub trust_region: f64,
    /// Seed of shuffles and augmentation.
    pub seed: u32,
}

impl FineTuneSpec {
    /// Checks every field's rule; module names are checked against the network.
    pub fn check(&self) -> Result<()> {
        within("epochs", f64::from(self.epochs), 1.0, 10_000.0)?;
        within("batchSize", f64::from(self.batch_size), 1.0, 65_536.0)?;
        within("trustRegion", self.trust_region, 0.0, f64::MAX)?;
        if self.scope == FineTuneScope::Modules && self.modules.is_empty() {
            return Err(EngineError::invalid(
                "modules",
                "empty",
                "must name at least one module when scope is MODULES",
            ));
        }
        self.optimizer.check().map_err(|error| error.under("optimizer"))
    }
}
