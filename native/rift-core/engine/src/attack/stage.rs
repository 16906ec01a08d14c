//! An attack as a list of stages, each a list of passes over the images that are still robust.

use crate::attack::robust::Pair;
use crate::attack::runner::Source;
use crate::error::{EngineError, Result};
use crate::spec::{AttackKind, AttackSpec};

/// One attack of a list. A pass is one random start, of one target class where the attack is targeted.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Settings of the attack: never a list.
    pub spec: AttackSpec,
    /// Gradients averaged per step, for randomised networks.
    pub gradient_samples: u32,
}

impl Stage {
    /// Passes over the survivors.
    pub fn passes(&self) -> u64 {
        u64::from(self.spec.restarts) * u64::from(if self.is_targeted() { self.spec.targets } else { 1 })
    }

    /// Target rank (0 the runner-up at the clean image, ascending by rank) and restart of a pass.
    pub fn target_and_restart(&self, pass: u64) -> (i64, u64) {
        let restarts = u64::from(self.spec.restarts);
        ((pass / restarts) as i64, pass % restarts)
    }

    /// Whether each pass aims at one class.
    pub fn is_targeted(&self) -> bool {
        matches!(self.spec.kind, AttackKind::ApgdT | AttackKind::FabT)
    }

    /// Work of one pass on one image, in forward passes of the network.
    pub fn cost(&self) -> u64 {
        let each = if self.spec.kind == AttackKind::Square { 1 } else { 3 };
        u64::from(self.spec.steps) * each * u64::from(self.gradient_samples)
    }
}

/// Stages of `spec` for a network of `classes` classes.
pub fn stages(spec: &AttackSpec, _classes: i64) -> Result<Vec<Stage>> {
    spec.check()?;
    let mut spec = spec.clone();
    // Without a random start every restart of PGD is the same.
    let is_pgd = matches!(spec.kind, AttackKind::Fgsm | AttackKind::Pgd | AttackKind::Cw);
    if is_pgd && !spec.random_start {
        spec.restarts = 1;
    }
    if spec.kind == AttackKind::Fgsm {
        spec.steps = 1;
    }
    Ok(vec![Stage { spec, gradient_samples: 1 }])
}

/// Number of classes, from the logits of the first image.
pub fn class_count(pair: &Pair<'_>, source: &Source<'_>) -> Result<i64> {
    if source.len() == 0 {
        return Err(EngineError::invalid("data", "0 images", "must hold at least one image"));
    }
    let taken = source.take(&[0], pair.judge.device())?;
    let logits = tch::no_grad(|| pair.judge.logits(&taken.images))?;
    Ok(logits.size()[1])
}
