//! What a training reads, and the hash by which its checkpoint knows it again.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::net::{BatchNorm, Network};
use crate::spec::TrainSpec;

/// Images hashed at a time: all of a large set at once would be a second copy of it.
const CHUNK: i64 = 4096;

/// What a training reads.
pub struct Inputs<'a> {
    /// Training images.
    pub train: &'a Dataset,
    /// Further images with pseudo-labels, drawn with replacement; none where `spec.extra_fraction` is 0.
    pub extra: Option<&'a Dataset>,
    /// Held-out images for selection.
    pub selection: Option<&'a Dataset>,
    /// Settings.
    pub spec: &'a TrainSpec,
    /// Where to keep the checkpoint; none keeps none.
    pub checkpoint: Option<&'a Path>,
    /// Restricts what moves; none trains everything.
    pub tuning: Option<&'a Tuning>,
}

/// What may move while fine-tuning.
pub struct Tuning {
    /// Parameters that move, by full name; all when empty.
    pub parameters: Vec<String>,
    /// Batch norm while training.
    pub batch_norm: BatchNorm,
    /// When above 0, each weight stays within this share of its starting norm.
    pub trust_region: f64,
}

impl Inputs<'_> {
    /// Checks the settings, and that there are extra images if and only if they are to be drawn.
    pub fn check(&self) -> Result<()> {
        self.spec.check()?;
        if self.extra.is_some() != (self.spec.extra_fraction > 0.0) {
            let rule = "must be greater than 0 where extra images are given, and 0 where none are";
            return Err(EngineError::invalid("extraFraction", self.spec.extra_fraction, rule));
        }
        match self.extra {
            Some(extra) if extra.image_size() != self.train.image_size() => {
                let (height, width) = self.train.image_size();
                let found = format!("{}x{} pixels", extra.image_size().1, extra.image_size().0);
                Err(EngineError::invalid(
                    "extra",
                    found,
                    format!("must be {width}x{height} pixels like those of train"),
                ))
            }
            Some(extra) if extra.classes.len() != self.train.classes.len() => {
                let rule = format!("must have {} classes like train", self.train.classes.len());
                Err(EngineError::invalid("extra", format!("{} classes", extra.classes.len()), rule))
            }
            _ => Ok(()),
        }
    }

    /// Hash of what decides the result: settings, initial weights, images.
    pub fn fingerprint(&self, network: &Network) -> Result<String> {
        let mut hash = Sha256::new();
        let spec = serde_json::to_string(self.spec).map_err(|error| EngineError::Internal(error.to_string()))?;
        hash.update(spec);
        hash.update(network.state.digest()?);
        for (role, data) in [("train", Some(self.train)), ("extra", self.extra), ("selection", self.selection)] {
            let Some(data) = data else { continue };
            hash.update(role);
            let mut at = 0;
            while at < data.len() {
                let rows = data.images.f_narrow(0, at, CHUNK.min(data.len() - at))?;
                hash.update(Vec::<u8>::try_from(&rows.f_flatten(0, -1)?)?);
                at += CHUNK;
            }
            for label in data.label_vec()? {
                hash.update(label.to_le_bytes());
            }
        }
        Ok(format!("{:x}", hash.finalize()))
    }
}
