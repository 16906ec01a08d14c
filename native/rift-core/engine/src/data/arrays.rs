//! Data sets of NumPy arrays: `<split>_images.npy` with `<split>_labels.npy` (or `<split>.npz` with `images` and
//! `labels`), and the published CIFAR-C folder.

use std::path::Path;

use tch::{Kind, Tensor};

use super::cifar::CIFAR10_CLASSES;
use super::dataset::Dataset;
use super::extra;
use super::npy::{read_npy, read_npy_header, read_npy_rows};
use super::text::{file_names, lines};
use crate::error::{EngineError, Result};

/// The 15 corruptions of CIFAR-C and its four extra ones (Hendrycks & Dietterich 2019).
pub const CORRUPTIONS: [&str; 19] = [
    "gaussian_noise",
    "shot_noise",
    "impulse_noise",
    "defocus_blur",
    "glass_blur",
    "motion_blur",
    "zoom_blur",
    "snow",
    "frost",
    "fog",
    "brightness",
    "contrast",
    "elastic_transform",
    "pixelate",
    "jpeg_compression",
    "speckle_noise",
    "gaussian_blur",
    "spatter",
    "saturate",
];
/// Severities, one fifth of the rows of a corruption's file each.
pub const SEVERITIES: i64 = 5;

/// Splits of a folder of arrays, by name.
pub fn npy_splits(folder: &Path) -> Result<Vec<String>> {
    let names = file_names(folder)?;
    let splits = names.iter().filter_map(|name| name.strip_suffix("_images.npy").or(name.strip_suffix(".npz")));
    Ok(splits.filter(|split| !split.is_empty()).map(ToString::to_string).collect())
}

/// Reads a split. Images are u8 [N, H, W, 3] or [N, 3, H, W]. Class names come from `classes.txt`, one per line, or are
/// numbers up to the largest label of any split.
pub fn load_npy(folder: &Path, split: &str) -> Result<Dataset> {
    let (images, labels) = npy_pair(folder, split)?;
    let images = channels_first(folder, split, &images)?;
    let labels = to_labels(folder, &format!("{split} labels"), &labels)?;
    let classes = if let Some(names) = lines(&folder.join("classes.txt"))? {
        names
    } else {
        let mut largest = 0;
        for other in npy_splits(folder)? {
            let labels = to_labels(folder, &format!("{other} labels"), &npy_labels(folder, &other)?)?;
            largest = largest.max(i64::try_from(labels.f_max()?)?);
        }
        numbered(largest.saturating_add(1))?
    };
    Dataset::new(images, labels, classes, "npy", split).map_err(|error| EngineError::file(folder, error.to_string()))
}

fn npy_pair(folder: &Path, split: &str) -> Result<(Tensor, Tensor)> {
    let images = folder.join(format!("{split}_images.npy"));
    if images.is_file() {
        return Ok((read_npy(&images)?, npy_labels(folder, split)?));
    }
    let path = folder.join(format!("{split}.npz"));
    extra::arrays(&path)
}

fn npy_labels(folder: &Path, split: &str) -> Result<Tensor> {
    if folder.join(format!("{split}_images.npy")).is_file() {
        return read_npy(&folder.join(format!("{split}_labels.npy")));
    }
    extra::labels(&folder.join(format!("{split}.npz")))
}

/// Splits of a CIFAR-C folder: `gaussian_noise-1` … `saturate-5` for every known corruption's file that is there.
pub fn cifar_c_splits(folder: &Path) -> Vec<String> {
    let present = CORRUPTIONS.iter().filter(|name| folder.join(format!("{name}.npy")).is_file());
    present.flat_map(|name| (1..=SEVERITIES).map(move |severity| format!("{name}-{severity}"))).collect()
}

/// Reads one severity (1 to 5) of one corruption; `split` is `<corruption>-<severity>`. Only its rows are read.
pub fn load_cifar_c(folder: &Path, split: &str) -> Result<Dataset> {
    let parts = split.rsplit_once('-').and_then(|(name, severity)| Some((name, severity.parse::<i64>().ok()?)));
    let Some((name, severity)) = parts.filter(|(_, severity)| (1..=SEVERITIES).contains(severity)) else {
        return Err(EngineError::invalid("split", split, "must be <corruption>-<severity>, such as fog-3"));
    };
    let path = folder.join(format!("{name}.npy"));
    let rows = read_npy_header(&path)?.shape.first().copied().unwrap_or(0);
    if rows == 0 || rows % SEVERITIES != 0 {
        return Err(EngineError::file(
            path,
            format!("has {rows} rows, which is not {SEVERITIES} severities of as many images"),
        ));
    }
    let each = rows / SEVERITIES;
    let images = channels_first(folder, split, &read_npy_rows(&path, (severity - 1) * each, each)?)?;
    let labels_path = folder.join("labels.npy");
    let labels = to_labels(folder, "labels.npy", &read_npy(&labels_path)?)?;
    if labels.size() != [rows] {
        let reason = format!("has shape {:?}, but {name}.npy has {rows} images", labels.size());
        return Err(EngineError::file(labels_path, reason));
    }
    let largest = i64::try_from(labels.f_max()?)?;
    let classes = match largest {
        ..10 => CIFAR10_CLASSES.iter().map(ToString::to_string).collect(),
        10..100 => numbered(100)?,
        more => numbered(more.saturating_add(1))?,
    };
    let labels = labels.f_narrow(0, (severity - 1) * each, each)?.f_detach_copy()?;
    Dataset::new(images, labels, classes, "cifar-c", split)
        .map_err(|error| EngineError::file(folder, error.to_string()))
}

/// Names for classes that have none.
pub fn numbered(count: i64) -> Result<Vec<String>> {
    const MOST: i64 = 100_000;
    if !(1..=MOST).contains(&count) {
        return Err(EngineError::invalid(
            "labels",
            count - 1,
            format!("the largest label must be between 0 and {}", MOST - 1),
        ));
    }
    Ok((0..count).map(|class| format!("class {class}")).collect())
}

/// u8 images as [N, 3, H, W] from that or from [N, H, W, 3].
pub(super) fn channels_first(folder: &Path, split: &str, images: &Tensor) -> Result<Tensor> {
    let shape = images.size();
    match shape[..] {
        _ if images.f_kind()? != Kind::Uint8 => {}
        [_, _, _, 3] => return Ok(images.f_permute([0, 3, 1, 2])?.f_contiguous()?),
        [_, 3, _, _] => return Ok(images.shallow_clone()),
        _ => {}
    }
    let reason = format!(
        "the images of {split} are {:?} of shape {shape:?}; unsigned bytes of shape [N, H, W, 3] or [N, 3, H, W] are needed",
        images.f_kind()?
    );
    Err(EngineError::file(folder, reason))
}

/// Labels of any integer kind as i64.
pub fn to_labels(path: &Path, what: &str, labels: &Tensor) -> Result<Tensor> {
    let kind = labels.f_kind()?;
    let integer = matches!(kind, Kind::Uint8 | Kind::Int8 | Kind::Int16 | Kind::Int | Kind::Int64);
    if !integer || labels.size().len() != 1 || labels.numel() == 0 {
        let reason = format!("{what}: {kind:?} of shape {:?}; integers of shape [N] are needed", labels.size());
        return Err(EngineError::file(path, reason));
    }
    Ok(labels.f_to_kind(Kind::Int64)?)
}
