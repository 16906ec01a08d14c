//! A training in progress as one file: weights, momentum, average, best weights so far, and where it stands. Every random
//! draw is keyed by (seed, epoch, image), so these suffice to go on exactly where it was.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::records::EpochRecord;
use crate::checkpoint::{read_safetensors, write_safetensors, Metadata, StateDict};
use crate::error::{EngineError, Result};

const KEY: &str = "rift.training";

/// Where a training stands; everything but tensors.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Hash of settings and data: a checkpoint of other work is not gone on with.
    pub fingerprint: String,
    /// Epoch to go on with, from 0.
    pub epoch: u32,
    /// Batch of that epoch to go on with, from 0.
    pub batch: u64,
    /// Steps taken in all.
    pub step: u64,
    /// Sum of the losses of this epoch's images so far.
    pub loss_sum: f64,
    /// Images of this epoch classified right so far.
    pub right: u64,
    /// Images of this epoch so far.
    pub seen: u64,
    /// Seconds of this epoch so far.
    pub seconds: f64,
    /// Finished epochs.
    pub records: Vec<EpochRecord>,
    /// Epoch whose weights are the best so far, from 1; 0 means none.
    pub best_epoch: u32,
    /// Its score.
    pub best_score: f64,
    /// Accuracy under the overfitting guard's attack after the last epoch, when there is a guard.
    pub guarded: Option<f64>,
    /// Why training ended before its last epoch; empty when it did not.
    pub ended: String,
    /// Number format of the iterates that this training began with: one that goes on elsewhere keeps it.
    pub precision: String,
}

/// Tensors of a training.
pub struct Tensors<'a> {
    /// Parameters and buffers.
    pub state: &'a StateDict,
    /// Momentum buffers.
    pub momentum: &'a StateDict,
    /// Weight average, when kept.
    pub average: Option<&'a StateDict>,
    /// Best weights, when any.
    pub best: Option<&'a StateDict>,
}

/// Writes a checkpoint atomically.
pub fn save(path: &Path, position: &Position, tensors: &Tensors<'_>) -> Result<()> {
    let mut all = StateDict::new();
    let parts = [
        ("state", Some(tensors.state)),
        ("momentum", Some(tensors.momentum)),
        ("average", tensors.average),
        ("best", tensors.best),
    ];
    for (part, dict) in parts {
        for (name, tensor) in dict.into_iter().flat_map(StateDict::iter) {
            all.insert(format!("{part}/{name}"), tensor.f_detach()?);
        }
    }
    let text =
        serde_json::to_string(position).map_err(|error| EngineError::Internal(format!("checkpoint: {error}")))?;
    write_safetensors(path, &all, &Metadata::from([(KEY.to_string(), text)]))
}

/// A checkpoint read back: position, and the four groups of tensors (the last two may be empty).
pub fn load(path: &Path) -> Result<(Position, [StateDict; 4])> {
    let (all, metadata) = read_safetensors(path)?;
    let text = metadata
        .get(KEY)
        .ok_or_else(|| EngineError::file(path, "is no training checkpoint; delete it to start anew"))?;
    let position: Position = serde_json::from_str(text)
        .map_err(|error| EngineError::file(path, format!("{KEY}: {error}; delete it to start anew")))?;
    let mut groups = [StateDict::new(), StateDict::new(), StateDict::new(), StateDict::new()];
    for (name, tensor) in all {
        let (part, rest) = name.split_once('/').unwrap_or((&name, ""));
        let at = ["state", "momentum", "average", "best"].iter().position(|known| *known == part);
        if let Some(at) = at {
            groups[at].insert(rest, tensor);
        }
    }
    Ok((position, groups))
}
