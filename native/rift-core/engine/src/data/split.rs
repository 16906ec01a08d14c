//! A split of a data set as an artifact: safetensors with `images` u8 [N, 3, H, W], `labels` i64 [N] and a manifest.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::dataset::Dataset;
use crate::checkpoint::manifest::{from_metadata, to_metadata};
use crate::checkpoint::{read_safetensors, write_safetensors, StateDict};
use crate::error::{EngineError, Result};

const KIND: &str = "dataset-split";

/// Description of a split, in the metadata of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SplitManifest {
    /// Always `dataset-split`.
    pub kind: String,
    /// Name of the data set.
    pub name: String,
    /// Name of the split.
    pub split: String,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Where it came from ("imported as cifar10", "fog at severity 3 of …").
    #[serde(default)]
    pub source: String,
}

/// Writes `dataset` atomically; equal content gives equal bytes. `source` says where it came from.
pub fn save_split(dataset: &Dataset, source: &str, path: &Path) -> Result<()> {
    let manifest = SplitManifest {
        kind: KIND.into(),
        name: dataset.name.clone(),
        split: dataset.split.clone(),
        classes: dataset.classes.clone(),
        source: source.into(),
    };
    let mut tensors = StateDict::new();
    tensors.insert("images", dataset.images.shallow_clone());
    tensors.insert("labels", dataset.labels.shallow_clone());
    write_safetensors(path, &tensors, &to_metadata(&manifest)?)
}

/// Reads a split that [`save_split`] wrote, with all of the checks of [`Dataset::new`].
pub fn load_split(path: &Path) -> Result<Dataset> {
    let (mut tensors, metadata) = read_safetensors(path)?;
    let manifest: SplitManifest = from_metadata(path, &metadata, KIND)?;
    let mut take = |name: &str| {
        tensors
            .remove(name)
            .ok_or_else(|| EngineError::file(path, format!("has no tensor {name}; it is no data set split")))
    };
    let (images, labels) = (take("images")?, take("labels")?);
    Dataset::new(images, labels, manifest.classes, &manifest.name, &manifest.split)
        .map_err(|error| EngineError::file(path, error.to_string()))
}
