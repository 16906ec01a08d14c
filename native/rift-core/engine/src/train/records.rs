//! What is recorded of each epoch.

use serde::{Deserialize, Serialize};

/// One epoch of training or fine-tuning.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochRecord {
    /// From 1.
    pub epoch: u32,
    /// Learning rate at its end.
    pub learning_rate: f64,
    /// Mean training loss.
    pub loss: f64,
    /// Training accuracy, adversarial when training adversarially; a fraction.
    pub accuracy: f64,
    /// Accuracy on the clean selection split; −1 when not measured.
    pub selection_standard: f64,
    /// Accuracy under the selection attack; −1 when not measured.
    pub selection_adversarial: f64,
    /// Seconds.
    pub seconds: f64,
}
