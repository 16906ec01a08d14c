//! The Python version of CIFAR (`data_batch_1`, `test_batch`, `train`, `test`): pickles, read without being executed.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::cifar::CIFAR10_CLASSES;
use super::dataset::Dataset;
use crate::checkpoint::bytes::tensor_of;
use crate::checkpoint::pickle::{Global, Limits, Node, Parsed, Pickle, Value};
use crate::error::{EngineError, Result};

const PIXELS: i64 = 3 * 32 * 32;
const LIMITS: Limits = Limits { bytes: 1 << 30, text: 1 << 29 };

/// Which data set, and so which files and keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// `data_batch_1` …, key `labels`.
    Cifar10,
    /// `train` and `test`, key `fine_labels`.
    Cifar100,
}

/// Whether `folder` holds the Python version.
pub fn is_python_version(folder: &Path, variant: Variant) -> bool {
    let files: &[&str] = match variant {
        Variant::Cifar10 => &["data_batch_1", "test_batch"],
        Variant::Cifar100 => &["train", "test"],
    };
    files.iter().any(|file| folder.join(file).is_file())
}

/// Splits that are there.
pub fn python_splits(folder: &Path, variant: Variant) -> Vec<String> {
    let splits = ["train", "test"].into_iter();
    splits.filter(|split| !files(folder, variant, split).is_empty()).map(ToString::to_string).collect()
}

/// Reads split train or test.
pub fn load_python(folder: &Path, variant: Variant, split: &str) -> Result<Dataset> {
    let (mut images, mut labels) = (Vec::new(), Vec::new());
    for file in files(folder, variant, split) {
        let bytes = read(&file)?;
        let pickle = Pickle::parse(&bytes, LIMITS, allowed).map_err(|reason| EngineError::file(&file, reason))?;
        let (pixels, found) = batch(&pickle, variant).map_err(|reason| EngineError::file(&file, reason))?;
        images.push(tensor_of(pixels, &[found.len() as i64, 3, 32, 32], Kind::Uint8)?);
        labels.extend(found);
    }
    let (name, meta, key) = match variant {
        Variant::Cifar10 => ("cifar10", "batches.meta", "label_names"),
        Variant::Cifar100 => ("cifar100", "meta", "fine_label_names"),
    };
    let classes = class_names(&folder.join(meta), key)?.map_or_else(
        || match variant {
            Variant::Cifar10 => Ok(CIFAR10_CLASSES.iter().map(ToString::to_string).collect()),
            Variant::Cifar100 => super::arrays::numbered(100),
        },
        Ok,
    )?;
    Dataset::new(Tensor::f_cat(&images, 0)?, Tensor::f_from_slice(&labels)?, classes, name, split)
        .map_err(|error| EngineError::file(folder, error.to_string()))
}

/// The allow-list of these files: what NumPy names to rebuild an array. Nothing of it is called.
fn allowed(module: &str, name: &str) -> Option<Global> {
    match (module, name) {
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Some(Global::ArrayReconstruct),
        ("numpy", "ndarray") => Some(Global::Array),
        ("numpy", "dtype") => Some(Global::Dtype),
        _ => None,
    }
}

fn files(folder: &Path, variant: Variant, split: &str) -> Vec<PathBuf> {
    let names: Vec<String> = match (variant, split) {
        (Variant::Cifar10, "train") => (1..=5).map(|number| format!("data_batch_{number}")).collect(),
        (Variant::Cifar10, "test") => vec!["test_batch".into()],
        (Variant::Cifar100, other) => vec![other.into()],
        (Variant::Cifar10, _) => vec![],
    };
    let paths: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
    // The first file decides; a later one that is missing is an error when it is read.
    if paths.first().is_some_and(|path| path.is_file()) {
        paths
    } else {
        vec![]
    }
}

fn read(file: &Path) -> Result<Vec<u8>> {
    let size = std::fs::metadata(file).map_err(|error| EngineError::io(file, error))?.len();
    if size > LIMITS.bytes as u64 {
        return Err(EngineError::file(
            file,
            format!("is {size} bytes, more than the {} that are allowed", LIMITS.bytes),
        ));
    }
    std::fs::read(file).map_err(|error| EngineError::io(file, error))
}

/// Pixels and labels of one file.
fn batch<'a>(pickle: &Pickle<'a>, variant: Variant) -> Parsed<(&'a [u8], Vec<i64>)> {
    let key = if variant == Variant::Cifar10 { "labels" } else { "fine_labels" };
    let missing = |key: &str| format!("has no {key}; it is not a batch of this data set");
    let list = pickle.lookup(pickle.root, key).and_then(|list| pickle.items(list)).ok_or_else(|| missing(key))?;
    let labels: Vec<i64> =
        list.iter()
            .map(|label| {
                if let Value::Int(label) = label {
                    Ok(*label)
                } else {
                    Err(format!("{key} holds what is no integer"))
                }
            })
            .collect::<Parsed<_>>()?;
    let data = pickle.lookup(pickle.root, "data").ok_or_else(|| missing("data"))?;
    let (pixels, rows) = array(pickle, data)?;
    if rows != labels.len() as i64 {
        return Err(format!("has {rows} images and {} labels", labels.len()));
    }
    Ok((pixels, labels))
}

/// Bytes and rows of a pickled u8 array [N, 3072] in C order.
fn array<'a>(pickle: &Pickle<'a>, value: Value) -> Parsed<(&'a [u8], i64)> {
    let wrong = || "has data that is not an array of unsigned bytes of shape [N, 3072] in C order".to_string();
    let Some(Node::Call { global: Global::ArrayReconstruct, state: Some(state), .. }) = pickle.node(value) else {
        return Err(wrong());
    };
    let Some([Value::Int(_), shape, dtype, Value::Bool(false), data]) = pickle.items(*state) else {
        return Err(wrong());
    };
    let Some([Value::Int(rows), Value::Int(PIXELS)]) = pickle.items(*shape) else { return Err(wrong()) };
    let Some(Node::Call { global: Global::Dtype, arguments, .. }) = pickle.node(*dtype) else { return Err(wrong()) };
    let kind = pickle.items(*arguments).and_then(|items| items.first()).and_then(|kind| pickle.text(*kind));
    let bytes = pickle.raw(*data).ok_or_else(wrong)?;
    if kind != Some("u1") || rows.checked_mul(PIXELS) != Some(bytes.len() as i64) {
        return Err(wrong());
    }
    Ok((bytes, *rows))
}

fn class_names(file: &Path, key: &str) -> Result<Option<Vec<String>>> {
    if !file.is_file() {
        return Ok(None);
    }
    let bytes = read(file)?;
    let pickle = Pickle::parse(&bytes, LIMITS, allowed).map_err(|reason| EngineError::file(file, reason))?;
    let names = pickle.lookup(pickle.root, key).and_then(|list| pickle.items(list)).and_then(|items| {
        items.iter().map(|item| pickle.text(*item).map(ToString::to_string)).collect::<Option<Vec<String>>>()
    });
    names.map(Some).ok_or_else(|| EngineError::file(file, format!("has no list of names under {key}")))
}
