//! Data sets: the layouts that people have on disk, read into one form.

pub mod cifar;
pub mod dataset;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use dataset::Dataset;

use crate::error::{EngineError, Result};

/// Layout of a data set on disk; the strings are those of the command line and of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Format {
    /// CIFAR-10 binary version.
    Cifar10,
    /// CIFAR-100 binary version, fine labels.
    Cifar100,
}

/// Names of the splits that `path` holds in `format`.
pub fn splits(path: &Path, format: Format) -> Result<Vec<String>> {
    check_folder(path)?;
    let found = match format {
        Format::Cifar10 => cifar::cifar10_splits(path)?,
        Format::Cifar100 => cifar::cifar100_splits(path),
    };
    if found.is_empty() {
        let expected = match format {
            Format::Cifar10 => "data_batch_1.bin … or test_batch.bin",
            Format::Cifar100 => "train.bin or test.bin",
        };
        return Err(EngineError::file(path, format!("holds no split of this format; expected {expected}")));
    }
    Ok(found)
}

/// Reads split `split` ("train", "val", "test") of the data set at `path`.
pub fn load(path: &Path, format: Format, split: &str) -> Result<Dataset> {
    let known = splits(path, format)?;
    if !known.iter().any(|name| name == split) {
        return Err(EngineError::NotFound {
            what: "split".into(),
            name: split.into(),
            hint: format!("; {} holds {}", path.display(), known.join(", ")),
        });
    }
    match format {
        Format::Cifar10 => cifar::load_cifar10(path, split),
        Format::Cifar100 => cifar::load_cifar100(path, split),
    }
}

fn check_folder(path: &Path) -> Result<()> {
    let kind = std::fs::metadata(path).map_err(|error| EngineError::io(path, error))?;
    if kind.is_dir() {
        Ok(())
    } else {
        Err(EngineError::file(path, "is a file; give the folder that holds the data set"))
    }
}
