//! Data sets: the layouts that people have on disk, read into one form; splits and adversarial sets as artifacts.

pub mod adversarial;
pub mod arrays;
pub mod augment;
pub mod cifar;
pub mod cifar_python;
pub mod dataset;
pub mod extra;
pub mod folder;
mod images;
pub mod npy;
pub mod repeats;
pub mod split;
mod text;
pub mod tiny_imagenet;

use std::path::Path;

use serde::{Deserialize, Serialize};

pub use adversarial::{read_adversarial_set, write_adversarial_set, AdversarialManifest, AdversarialSet};
pub use dataset::Dataset;
pub use split::{load_split, save_split};

use crate::control::Control;
use crate::error::{EngineError, Result};
use cifar_python::Variant;
use extra::EXTRA;

/// Layout of a data set on disk: the messages' names, with the command line's as second spelling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Format {
    /// CIFAR-10, binary or Python version.
    #[serde(rename = "DATASET_FORMAT_CIFAR10", alias = "cifar10")]
    Cifar10,
    /// CIFAR-100, binary or Python version, fine labels.
    #[serde(rename = "DATASET_FORMAT_CIFAR100", alias = "cifar100")]
    Cifar100,
    /// One folder per split, one per class inside.
    #[serde(rename = "DATASET_FORMAT_FOLDER", alias = "folder")]
    Folder,
    /// The raw Tiny-ImageNet archive.
    #[serde(rename = "DATASET_FORMAT_TINY_IMAGENET", alias = "tiny-imagenet")]
    TinyImagenet,
    /// `<split>_images.npy` and `<split>_labels.npy`, or `<split>.npz`.
    #[serde(rename = "DATASET_FORMAT_NPY", alias = "npy")]
    Npy,
    /// The published CIFAR-C folder; splits are `<corruption>-<severity>`.
    #[serde(rename = "DATASET_FORMAT_CIFAR_C", alias = "cifar-c")]
    CifarC,
}

impl Format {
    /// Whether reading it decodes files one by one, which [`load_watched`] reports.
    pub fn decodes_files(self) -> bool {
        matches!(self, Self::Folder | Self::TinyImagenet)
    }

    /// What a folder of this format holds, for messages.
    fn expected(self) -> &'static str {
        match self {
            Self::Cifar10 => "data_batch_1.bin … and test_batch.bin, or data_batch_1 … and test_batch",
            Self::Cifar100 => "train.bin and test.bin, or train and test",
            Self::Folder => "one folder per split (train, test) with one folder per class inside",
            Self::TinyImagenet => "wnids.txt, train/ and val/ of the tiny-imagenet-200 archive",
            Self::Npy => "<split>_images.npy and <split>_labels.npy, or <split>.npz",
            Self::CifarC => "<corruption>.npy (gaussian_noise.npy …) and labels.npy",
        }
    }
}

/// Names of the splits that the folder `path` holds in `format`; at least one, or an error that says what was expected.
pub fn splits(path: &Path, format: Format) -> Result<Vec<String>> {
    if !std::fs::metadata(path).map_err(|error| EngineError::io(path, error))?.is_dir() {
        return Err(EngineError::file(
            path,
            "is a file; give the folder that holds the data set (unpack an archive first)",
        ));
    }
    let python = |variant| cifar_python::is_python_version(path, variant);
    let mut found = match format {
        Format::Cifar10 if python(Variant::Cifar10) => cifar_python::python_splits(path, Variant::Cifar10),
        Format::Cifar100 if python(Variant::Cifar100) => cifar_python::python_splits(path, Variant::Cifar100),
        Format::Cifar10 => cifar::cifar10_splits(path)?,
        Format::Cifar100 => cifar::cifar100_splits(path),
        Format::Folder => folder::folder_splits(path)?,
        Format::TinyImagenet => tiny_imagenet::tiny_imagenet_splits(path),
        Format::Npy => arrays::npy_splits(path)?,
        Format::CifarC => arrays::cifar_c_splits(path),
    };
    if found.is_empty() {
        return Err(EngineError::file(path, format!("holds no split of this format; expected {}", format.expected())));
    }
    // Last, because it takes its classes from the others; a folder of arrays lists it by itself.
    if extra::has_extra(path) && !found.iter().any(|name| name == EXTRA) {
        found.push(EXTRA.into());
    }
    Ok(found)
}

/// Reads split `split` ("train", "val", "test") of the data set in the folder `path`.
pub fn load(path: &Path, format: Format, split: &str) -> Result<Dataset> {
    load_watched(path, format, split, &Control::default())
}

/// [`load`] that reports its progress where images are decoded one by one, and can be cancelled there.
pub fn load_watched(path: &Path, format: Format, split: &str, control: &Control) -> Result<Dataset> {
    let known = splits(path, format)?;
    if !known.iter().any(|name| name == split) {
        return Err(EngineError::NotFound {
            what: "split".into(),
            name: split.into(),
            hint: format!("; {} holds {}", path.display(), known.join(", ")),
        });
    }
    if split == EXTRA && format != Format::Npy {
        return extra::load_extra(path, load_watched(path, format, &known[0], control)?.classes);
    }
    let python = |variant| cifar_python::is_python_version(path, variant);
    match format {
        Format::Cifar10 if python(Variant::Cifar10) => cifar_python::load_python(path, Variant::Cifar10, split),
        Format::Cifar100 if python(Variant::Cifar100) => cifar_python::load_python(path, Variant::Cifar100, split),
        Format::Cifar10 => cifar::load_cifar10(path, split),
        Format::Cifar100 => cifar::load_cifar100(path, split),
        Format::Folder => folder::load_folder(path, split, control),
        Format::TinyImagenet => tiny_imagenet::load_tiny_imagenet(path, split, control),
        Format::Npy => arrays::load_npy(path, split),
        Format::CifarC => arrays::load_cifar_c(path, split),
    }
}
