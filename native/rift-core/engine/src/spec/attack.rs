//! Threat models and attacks.

use serde::{Deserialize, Serialize};

use super::within;
use crate::error::{EngineError, Result};

/// Norm that bounds a perturbation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Norm {
    /// Largest absolute element.
    #[serde(rename = "NORM_LINF")]
    Linf,
    /// Euclidean norm.
    #[serde(rename = "NORM_L2")]
    L2,
    /// Sum of absolute elements.
    #[serde(rename = "NORM_L1")]
    L1,
}

/// What an attacker may do to an image.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThreatModel {
    /// Norm of the perturbation over one image.
    pub norm: Norm,
    /// Radius in pixel units of [0,1].
    pub epsilon: f64,
}

/// Procedure within a threat model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AttackKind {
    /// One signed gradient step (Goodfellow et al. 2015).
    #[serde(rename = "ATTACK_KIND_FGSM")]
    Fgsm,
    /// Projected gradient descent on cross-entropy (Madry et al. 2018).
    #[serde(rename = "ATTACK_KIND_PGD")]
    Pgd,
    /// Auto-PGD on cross-entropy (Croce & Hein 2020).
    #[serde(rename = "ATTACK_KIND_APGD_CE")]
    ApgdCe,
    /// Auto-PGD on the difference of logits ratio.
    #[serde(rename = "ATTACK_KIND_APGD_DLR")]
    ApgdDlr,
    /// Auto-PGD on the targeted difference of logits ratio.
    #[serde(rename = "ATTACK_KIND_APGD_T")]
    ApgdT,
    /// Targeted fast adaptive boundary attack.
    #[serde(rename = "ATTACK_KIND_FAB_T")]
    FabT,
    /// Random search on scores.
    #[serde(rename = "ATTACK_KIND_SQUARE")]
    Square,
    /// PGD on the margin of Carlini & Wagner.
    #[serde(rename = "ATTACK_KIND_CW")]
    Cw,
    /// The standard list of `AutoAttack`.
    #[serde(rename = "ATTACK_KIND_AUTOATTACK_STANDARD")]
    AutoAttackStandard,
    /// `AutoAttack` with restarts.
    #[serde(rename = "ATTACK_KIND_AUTOATTACK_PLUS")]
    AutoAttackPlus,
    /// `AutoAttack` for randomised networks.
    #[serde(rename = "ATTACK_KIND_AUTOATTACK_RAND")]
    AutoAttackRand,
    /// The standard list with APGD-T before APGD-CE.
    #[serde(rename = "ATTACK_KIND_AUTOATTACK_DECISIVE")]
    AutoAttackDecisive,
}

impl AttackKind {
    /// Whether this is a fixed list of attacks.
    pub fn is_list(self) -> bool {
        matches!(
            self,
            Self::AutoAttackStandard | Self::AutoAttackPlus | Self::AutoAttackRand | Self::AutoAttackDecisive
        )
    }

    /// Name as the literature writes it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Fgsm => "FGSM",
            Self::Pgd => "PGD",
            Self::ApgdCe => "APGD-CE",
            Self::ApgdDlr => "APGD-DLR",
            Self::ApgdT => "APGD-T",
            Self::FabT => "FAB-T",
            Self::Square => "Square",
            Self::Cw => "CW",
            Self::AutoAttackStandard => "AutoAttack standard",
            Self::AutoAttackPlus => "AutoAttack plus",
            Self::AutoAttackRand => "AutoAttack rand",
            Self::AutoAttackDecisive => "AutoAttack standard, APGD-T first",
        }
    }
}

/// A complete attack.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AttackSpec {
    /// Procedure.
    pub kind: AttackKind,
    /// Bound on the perturbation.
    pub threat_model: ThreatModel,
    /// Step size in pixel units (FGSM, PGD, CW).
    pub step_size: f64,
    /// Gradient steps, or queries of Square.
    pub steps: u32,
    /// Independent random starts.
    pub restarts: u32,
    /// Whether PGD starts at a random point of the ball.
    pub random_start: bool,
    /// Classes tried by targeted attacks.
    pub targets: u32,
    /// Every image to the last step (true) or only until it is misclassified (false).
    pub to_the_end: bool,
}

impl AttackSpec {
    /// PGD with uniform start in the L∞ ball, as CIFAR networks are usually judged.
    pub fn pgd(epsilon: f64, step_size: f64, steps: u32, restarts: u32) -> Self {
        Self {
            kind: AttackKind::Pgd,
            threat_model: ThreatModel { norm: Norm::Linf, epsilon },
            step_size,
            steps,
            restarts,
            random_start: true,
            targets: 9,
            to_the_end: false,
        }
    }

    /// Checks every field's rule.
    pub fn check(&self) -> Result<()> {
        within("threatModel.epsilon", self.threat_model.epsilon, 0.0, f64::MAX)?;
        if self.threat_model.norm == Norm::Linf && self.threat_model.epsilon > 1.0 {
            let rule = "must be at most 1 in the L∞ norm, pixels are in [0,1]; write 8/255 for eight grey levels";
            return Err(EngineError::invalid("threatModel.epsilon", self.threat_model.epsilon, rule));
        }
        if matches!(self.kind, AttackKind::Fgsm | AttackKind::Pgd | AttackKind::Cw)
            && !(self.step_size.is_finite() && self.step_size > 0.0)
        {
            return Err(EngineError::invalid("stepSize", self.step_size, "must be greater than 0"));
        }
        within("steps", f64::from(self.steps), 1.0, 100_000.0)?;
        within("restarts", f64::from(self.restarts), 1.0, 1000.0)
    }
}
