//! Adversarial training.

use serde::{Deserialize, Serialize};

use super::{within, AttackKind, AttackSpec, AugmentSpec, OptimizerSpec};
use crate::error::{EngineError, Result};

/// Method of adversarial training; the losses are in `train::losses`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum TrainMethod {
    /// Cross-entropy on PGD images (Madry et al. 2018).
    #[serde(rename = "TRAIN_METHOD_PGD")]
    Pgd,
    /// Cross-entropy plus β·KL (Zhang et al. 2019).
    #[serde(rename = "TRAIN_METHOD_TRADES")]
    Trades,
    /// Misclassification-aware (Wang et al. 2020).
    #[serde(rename = "TRAIN_METHOD_MART")]
    Mart,
    /// PGD with weight perturbation (Wu et al. 2020).
    #[serde(rename = "TRAIN_METHOD_AWP")]
    Awp,
    /// TRADES with weight perturbation.
    #[serde(rename = "TRAIN_METHOD_TRADES_AWP")]
    TradesAwp,
    /// Squared error (Pang et al. 2022), PGD form.
    #[serde(rename = "TRAIN_METHOD_SCORE")]
    Score,
    /// One step with a random start (Wong et al. 2020).
    #[serde(rename = "TRAIN_METHOD_FAST")]
    Fast,
    /// Clean images.
    #[serde(rename = "TRAIN_METHOD_STANDARD")]
    Standard,
    /// Squared error, TRADES form.
    #[serde(rename = "TRAIN_METHOD_SCORE_TRADES")]
    ScoreTrades,
}

impl TrainMethod {
    /// Whether the weights are perturbed before each update.
    pub fn perturbs_weights(self) -> bool {
        matches!(self, Self::Awp | Self::TradesAwp)
    }
}

/// Batch norm while training images are crafted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CraftBatchNorm {
    /// Running statistics normalise and stay.
    #[serde(rename = "CRAFT_BATCH_NORM_EVAL")]
    Eval,
    /// Batch statistics normalise and move the running ones.
    #[serde(rename = "CRAFT_BATCH_NORM_TRAIN")]
    Train,
    /// Batch statistics normalise; the running ones stay.
    #[serde(rename = "CRAFT_BATCH_NORM_TRAIN_UNTRACKED")]
    TrainUntracked,
}

/// Clean forwards that the reference codes make for logging and that move the running statistics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum CleanForwards {
    /// None.
    #[serde(rename = "CLEAN_FORWARDS_NONE")]
    None,
    /// One after the losses, before the weights move.
    #[serde(rename = "CLEAN_FORWARDS_BEFORE_UPDATE")]
    BeforeUpdate,
    /// One after the weights have moved.
    #[serde(rename = "CLEAN_FORWARDS_AFTER_UPDATE")]
    AfterUpdate,
    /// Both.
    #[serde(rename = "CLEAN_FORWARDS_BEFORE_AND_AFTER_UPDATE")]
    BeforeAndAfterUpdate,
}

impl CleanForwards {
    /// Whether one comes before the update.
    pub fn before(self) -> bool {
        matches!(self, Self::BeforeUpdate | Self::BeforeAndAfterUpdate)
    }

    /// Whether one comes after the update.
    pub fn after(self) -> bool {
        matches!(self, Self::AfterUpdate | Self::BeforeAndAfterUpdate)
    }
}

/// A new network to train.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ArchitectureSpec {
    /// Architecture name.
    pub arch: String,
    /// Channels of the first stage.
    pub width: u32,
}

/// Adversarial training.
// The fields are those of the message.
#[allow(clippy::struct_excessive_bools)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct TrainSpec {
    /// Method.
    pub method: TrainMethod,
    /// Network to build when none is given.
    pub architecture: Option<ArchitectureSpec>,
    /// Normalisation inside the network.
    pub preprocess: String,
    /// Epochs.
    pub epochs: u32,
    /// Images per step.
    pub batch_size: u32,
    /// Optimizer and schedule.
    pub optimizer: OptimizerSpec,
    /// Augmentation.
    pub augment: AugmentSpec,
    /// Attack that crafts the training images; none for training on clean images.
    pub attack: Option<AttackSpec>,
    /// Weight of the second loss term.
    pub beta: f64,
    /// Share of the target spread over the classes.
    pub label_smoothing: f64,
    /// Decay of the weight average; 0 is off.
    pub ema_decay: f64,
    /// Relative size of the weight perturbation.
    pub awp_gamma: f64,
    /// First epoch in which AWP acts.
    pub awp_warmup: u32,
    /// Batch norm while crafting.
    pub craft_batch_norm: CraftBatchNorm,
    /// Clean forwards beside those of the losses.
    pub clean_forwards: CleanForwards,
    /// Standard deviation of the Gaussian start of crafting; 0 starts as the attack says.
    pub start_noise: f64,
    /// Share of all steps during which the weight average is a copy.
    pub ema_warmup: f64,
    /// Whether the average's running statistics are copied at the end of each epoch.
    pub ema_copies_statistics: bool,
    /// Share of every batch drawn from the extra images.
    pub extra_fraction: f64,
    /// Whether scale and shift of batch norm are left out of the weight decay.
    pub decay_spares_batch_norm: bool,
    /// Attack that measures the selection split.
    pub selection_attack: Option<AttackSpec>,
    /// Keep the epoch best on the selection split, or the last.
    pub keep_best: bool,
    /// Epochs without improvement after which training ends; 0 never.
    pub patience: u32,
    /// Largest fall of PGD-5 accuracy from one epoch to the next; 0 is off.
    pub overfitting_guard: f64,
    /// Clip parameter of SCORE.
    pub score_clip: f64,
    /// Whether SCORE's TRADES form clips its second term alone.
    pub score_clips_second_term: bool,
    /// Seed of everything random.
    pub seed: u32,
}

impl TrainSpec {
    /// Training on clean images and nothing else, keeping the last epoch: what fine-tuning is made of.
    pub fn standard(epochs: u32, batch_size: u32, optimizer: OptimizerSpec, augment: AugmentSpec, seed: u32) -> Self {
        Self {
            method: TrainMethod::Standard,
            architecture: None,
            preprocess: "none".into(),
            epochs,
            batch_size,
            optimizer,
            augment,
            attack: None,
            beta: 0.0,
            label_smoothing: 0.0,
            ema_decay: 0.0,
            awp_gamma: 0.0,
            awp_warmup: 0,
            craft_batch_norm: CraftBatchNorm::Eval,
            clean_forwards: CleanForwards::None,
            start_noise: 0.0,
            ema_warmup: 0.0,
            ema_copies_statistics: false,
            extra_fraction: 0.0,
            decay_spares_batch_norm: false,
            selection_attack: None,
            keep_best: false,
            patience: 0,
            overfitting_guard: 0.0,
            score_clip: 0.0,
            score_clips_second_term: false,
            seed,
        }
    }

    /// The attack that crafts; an error where the method needs one and there is none.
    pub fn crafting(&self) -> Result<&AttackSpec> {
        self.attack
            .as_ref()
            .ok_or_else(|| EngineError::invalid("attack", "unset", "must be set unless the method is STANDARD"))
    }

    /// Checks every field's rule.
    pub fn check(&self) -> Result<()> {
        within("epochs", f64::from(self.epochs), 1.0, 10_000.0)?;
        within("batchSize", f64::from(self.batch_size), 1.0, 65_536.0)?;
        within("beta", self.beta, 0.0, f64::MAX)?;
        within("labelSmoothing", self.label_smoothing, 0.0, 1.0)?;
        within("emaDecay", self.ema_decay, 0.0, 0.999_999)?;
        within("emaWarmup", self.ema_warmup, 0.0, 1.0)?;
        within("awpGamma", self.awp_gamma, 0.0, 1.0)?;
        within("startNoise", self.start_noise, 0.0, 1.0)?;
        within("extraFraction", self.extra_fraction, 0.0, 1.0)?;
        within("overfittingGuard", self.overfitting_guard, 0.0, 1.0)?;
        within("scoreClip", self.score_clip, 0.0, 1.0)?;
        self.optimizer.check().map_err(|error| error.under("optimizer"))?;
        self.check_method()?;
        match &self.selection_attack {
            Some(attack) => attack.check().map_err(|error| error.under("selectionAttack")),
            None => Ok(()),
        }
    }

    fn check_method(&self) -> Result<()> {
        if self.method == TrainMethod::Mart && self.label_smoothing > 0.0 {
            return Err(EngineError::invalid("labelSmoothing", self.label_smoothing, "must be 0 for MART"));
        }
        if self.method == TrainMethod::Standard {
            return if self.overfitting_guard > 0.0 {
                let rule = "must be 0 for STANDARD, which crafts no images";
                Err(EngineError::invalid("overfittingGuard", self.overfitting_guard, rule))
            } else {
                Ok(())
            };
        }
        let attack = self.crafting()?;
        attack.check().map_err(|error| error.under("attack"))?;
        if !matches!(attack.kind, AttackKind::Pgd | AttackKind::Fgsm) {
            return Err(EngineError::invalid("attack.kind", attack.kind.name(), "must be PGD or FGSM in training"));
        }
        if attack.kind == AttackKind::Fgsm && attack.steps != 1 {
            return Err(EngineError::invalid("attack.steps", attack.steps, "must be 1 for FGSM"));
        }
        if attack.restarts != 1 {
            return Err(EngineError::invalid("attack.restarts", attack.restarts, "must be 1 in training"));
        }
        Ok(())
    }
}
