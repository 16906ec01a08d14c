//! Generated images with pseudo-labels: `extra.npz` in a data set's folder, read as its split "extra". The published files
//! (Wang et al. 2023) hold `image` (u8 [N, H, W, 3]) and `label` (integers [N]), indices of the data set's own classes.

use std::path::Path;

use tch::Tensor;

use super::arrays::{channels_first, to_labels};
use super::dataset::Dataset;
use super::npy::read_npz;
use crate::error::{EngineError, Result};

/// Name of the split.
pub const EXTRA: &str = "extra";
const FILE: &str = "extra.npz";

/// Whether the folder holds generated images.
pub fn has_extra(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

/// Reads the generated images of a folder whose data set has `classes`. Arrays may also be called `images` and `labels`;
/// every label must be a class.
pub fn load_extra(folder: &Path, classes: Vec<String>) -> Result<Dataset> {
    let path = folder.join(FILE);
    let (images, labels) = arrays(&path)?;
    let images = channels_first(&path, EXTRA, &images)?;
    let labels = to_labels(&path, "label", &labels)?;
    Dataset::new(images, labels, classes, EXTRA, EXTRA).map_err(|error| EngineError::file(path, error.to_string()))
}

const NEEDED: &str = "must hold the arrays images and labels (or image and label)";

/// Images and labels of a `.npz`, under either of their usual names.
pub(super) fn arrays(path: &Path) -> Result<(Tensor, Tensor)> {
    let mut found = read_npz(path, |name| matches!(name, "image" | "images" | "label" | "labels"))?;
    let images = found.remove("images").or_else(|| found.remove("image"));
    let labels = found.remove("labels").or_else(|| found.remove("label"));
    images.zip(labels).ok_or_else(|| EngineError::file(path, NEEDED))
}

/// Labels of a `.npz`.
pub(super) fn labels(path: &Path) -> Result<Tensor> {
    let mut found = read_npz(path, |name| matches!(name, "label" | "labels"))?;
    let labels = found.remove("labels").or_else(|| found.remove("label"));
    labels.ok_or_else(|| EngineError::file(path, NEEDED))
}
