//! How a long computation is watched and stopped: a cancel flag that is read every batch and every attack step, and
//! progress that is offered to a listener and never waits for it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use serde::Serialize;

use crate::error::{EngineError, Result};

/// One progress event of a job.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// What is being done now ("crafting", "epoch 3 of 10", "module layer2.1.conv2").
    pub phase: String,
    /// Units of work finished, out of `total`; the unit is the same for the whole job.
    pub done: u64,
    /// Units of work in all.
    pub total: u64,
    /// What a unit is ("batches", "modules", "images").
    pub unit: String,
    /// Figures known so far (`loss`, `accuracy`, `mrc.layer1.0.conv1`); accuracies are fractions.
    pub metrics: BTreeMap<String, f64>,
}

/// Listener of progress; must return at once.
pub type Listener = Arc<dyn Fn(Progress) + Send + Sync>;

/// Handle that a computation carries to report progress and to learn that it should stop.
#[derive(Clone, Default)]
pub struct Control {
    cancelled: Arc<AtomicBool>,
    listener: Option<Listener>,
}

impl Control {
    /// A control that reports to `listener`.
    pub fn new(listener: Listener) -> Self {
        Self { cancelled: Arc::default(), listener: Some(listener) }
    }

    /// Asks the computation to stop at its next check.
    pub fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether [`Control::cancel`] was called.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    /// Returns [`EngineError::Cancelled`] once the job was cancelled; called every batch and every attack step.
    pub fn check(&self) -> Result<()> {
        if self.is_cancelled() {
            Err(EngineError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Offers a progress event to the listener.
    pub fn report(&self, progress: Progress) {
        if let Some(listener) = &self.listener {
            listener(progress);
        }
    }
}
