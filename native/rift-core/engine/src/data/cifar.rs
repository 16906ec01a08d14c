//! The official binary layouts of CIFAR-10 (`data_batch_*.bin`, `test_batch.bin`) and CIFAR-100 (`train.bin`,
//! `test.bin`): records of label bytes followed by 3 × 32 × 32 pixels, channel first.

use std::path::{Path, PathBuf};

use tch::{Kind, Tensor};

use super::arrays::numbered;
use super::dataset::Dataset;
use super::text::{file_names, lines};
use crate::checkpoint::bytes::tensor_of;
use crate::error::{EngineError, Result};

const SIDE: i64 = 32;
const PIXELS: usize = 3 * 32 * 32;
/// More than any file of the layout has; keeps a mistaken path from filling the memory.
const MAX_FILE: u64 = 1 << 30;

/// Class names of CIFAR-10 in label order.
pub const CIFAR10_CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

/// Splits that the folder holds, of train, val and test.
pub fn cifar10_splits(folder: &Path) -> Result<Vec<String>> {
    let mut splits = Vec::new();
    if !batch_files(folder)?.is_empty() {
        splits.push("train".to_string());
    }
    for split in ["val", "test"] {
        if folder.join(format!("{split}_batch.bin")).is_file() {
            splits.push(split.to_string());
        }
    }
    Ok(splits)
}

/// Reads split train (`data_batch_*.bin`), val (`val_batch.bin`) or test (`test_batch.bin`) of a CIFAR-10 folder. Class
/// names come from `batches.meta.txt` where there is one.
pub fn load_cifar10(folder: &Path, split: &str) -> Result<Dataset> {
    let files = match split {
        "train" => batch_files(folder)?,
        other => vec![folder.join(format!("{other}_batch.bin"))],
    };
    if files.is_empty() {
        return Err(EngineError::file(
            folder,
            "holds no data_batch_1.bin; give the folder of the CIFAR-10 binary version (cifar-10-batches-bin)",
        ));
    }
    let classes = lines(&folder.join("batches.meta.txt"))?
        .unwrap_or_else(|| CIFAR10_CLASSES.iter().map(ToString::to_string).collect());
    records(&files, 1, classes, "cifar10", split)
}

/// Splits that a CIFAR-100 folder holds.
pub fn cifar100_splits(folder: &Path) -> Vec<String> {
    ["train", "val", "test"]
        .into_iter()
        .filter(|split| folder.join(format!("{split}.bin")).is_file())
        .map(ToString::to_string)
        .collect()
}

/// Reads `train.bin`, `val.bin` or `test.bin` of a CIFAR-100 folder with its 100 fine labels, named by
/// `fine_label_names.txt` where there is one.
pub fn load_cifar100(folder: &Path, split: &str) -> Result<Dataset> {
    let classes = match lines(&folder.join("fine_label_names.txt"))? {
        Some(names) => names,
        None => numbered(100)?,
    };
    records(&[folder.join(format!("{split}.bin"))], 2, classes, "cifar100", split)
}

/// `data_batch_1.bin` … `data_batch_K.bin` in order of their numbers, without a gap.
fn batch_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut numbers = Vec::new();
    for name in file_names(folder)? {
        let number = name.strip_prefix("data_batch_").and_then(|name| name.strip_suffix(".bin"));
        if let Some(number) = number.and_then(|number| number.parse::<usize>().ok()) {
            numbers.push(number);
        }
    }
    numbers.sort_unstable();
    for (position, number) in numbers.iter().enumerate() {
        if *number != position + 1 {
            return Err(EngineError::file(
                folder,
                format!("data_batch_{}.bin is missing although data_batch_{number}.bin is there", position + 1),
            ));
        }
    }
    Ok(numbers.into_iter().map(|number| folder.join(format!("data_batch_{number}.bin"))).collect())
}

/// Reads whole records of `label_bytes` labels (the last one counts) and one image each.
fn records(files: &[PathBuf], label_bytes: usize, classes: Vec<String>, name: &str, split: &str) -> Result<Dataset> {
    let record = label_bytes + PIXELS;
    let (mut pixels, mut labels) = (Vec::new(), Vec::new());
    for file in files {
        let bytes = read_records(file, record)?;
        pixels.reserve_exact(bytes.len() / record * PIXELS);
        for (index, row) in bytes.chunks_exact(record).enumerate() {
            let label = i64::from(row[label_bytes - 1]);
            if label >= classes.len() as i64 {
                return Err(EngineError::file(
                    file,
                    format!(
                        "record {index} has label {label}, but {name} has {} classes; the file is damaged or of another data set",
                        classes.len()
                    ),
                ));
            }
            labels.push(label);
            pixels.extend_from_slice(&row[label_bytes..]);
        }
    }
    let images = tensor_of(&pixels, &[labels.len() as i64, 3, SIDE, SIDE], Kind::Uint8)?;
    Dataset::new(images, Tensor::f_from_slice(&labels)?, classes, name, split)
}

fn read_records(file: &Path, record: usize) -> Result<Vec<u8>> {
    let size = std::fs::metadata(file).map_err(|error| EngineError::io(file, error))?.len();
    if size == 0 {
        return Err(EngineError::file(file, "is empty; download or copy it again"));
    }
    if size > MAX_FILE {
        return Err(EngineError::file(file, format!("is {size} bytes, more than the {MAX_FILE} such a file may have")));
    }
    if !size.is_multiple_of(record as u64) {
        return Err(EngineError::file(
            file,
            format!("is {size} bytes, which is not a multiple of the record size {record}; it is truncated or of another layout"),
        ));
    }
    std::fs::read(file).map_err(|error| EngineError::io(file, error))
}
