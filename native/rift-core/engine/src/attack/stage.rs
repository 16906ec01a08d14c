//! An attack as a list of stages, each a list of passes over the images that are still robust.

use super::autoattack;
use crate::error::{EngineError, Result};
use crate::spec::{AttackKind, AttackSpec};

/// One attack of a list. A pass is one random start, of one target class where the attack is targeted.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Settings of the attack: never a list. FAB without targets is the untargeted form.
    pub spec: AttackSpec,
    /// Gradients averaged per step, for randomised networks.
    pub gradient_samples: u32,
}

impl Stage {
    /// Passes over the survivors.
    pub fn passes(&self) -> u64 {
        u64::from(self.spec.restarts) * u64::from(if self.is_targeted() { self.spec.targets } else { 1 })
    }

    /// Target rank (0 the likeliest other class at the clean image) and restart of a pass.
    pub fn target_and_restart(&self, pass: u64) -> (i64, u64) {
        let restarts = u64::from(self.spec.restarts);
        ((pass / restarts) as i64, pass % restarts)
    }

    /// Whether each pass aims at one class.
    pub fn is_targeted(&self) -> bool {
        matches!(self.spec.kind, AttackKind::ApgdT | AttackKind::FabT) && self.spec.targets > 0
    }

    /// Work of one pass on one image, in forward passes of the network; a backward pass counts as two.
    pub fn cost(&self) -> u64 {
        let each = match self.spec.kind {
            AttackKind::Square => 1,
            AttackKind::FabT => 4,
            _ => 3,
        };
        u64::from(self.spec.steps) * each * u64::from(self.gradient_samples)
    }
}

/// Stages of `spec` for a network of `classes` classes, and what they leave out, one sentence each. FGSM takes one step
/// and a targeted attack at most `classes` − 1 targets, whatever the settings say.
pub fn stages(spec: &AttackSpec, classes: i64) -> Result<(Vec<Stage>, Vec<String>)> {
    spec.check()?;
    if spec.kind.is_list() {
        return Ok(autoattack::stages(spec, classes));
    }
    let least = least_classes(spec.kind);
    if classes < least {
        let rule = format!("needs a network of at least {least} classes, this one has {classes}; use another attack");
        return Err(EngineError::invalid("kind", spec.kind.name(), rule));
    }
    let mut spec = spec.clone();
    match spec.kind {
        AttackKind::Fgsm => spec.steps = 1,
        AttackKind::ApgdT | AttackKind::FabT if spec.targets == 0 => {
            return Err(EngineError::invalid("targets", 0, "must be at least 1 for targeted attacks"));
        }
        AttackKind::ApgdT | AttackKind::FabT => spec.targets = spec.targets.min((classes - 1) as u32),
        _ => {}
    }
    // Without a random start every restart is the same.
    if !spec.random_start && matches!(spec.kind, AttackKind::Fgsm | AttackKind::Pgd | AttackKind::Cw) {
        spec.restarts = 1;
    }
    Ok((vec![Stage { spec, gradient_samples: 1 }], Vec::new()))
}

/// Classes without which an attack is not defined.
pub fn least_classes(kind: AttackKind) -> i64 {
    match kind {
        AttackKind::ApgdDlr => 3,
        AttackKind::ApgdT => 4,
        _ => 2,
    }
}
