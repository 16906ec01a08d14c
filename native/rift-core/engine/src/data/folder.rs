//! One folder per split, one folder per class inside, images in it: torchvision's `ImageFolder`, once per split.

use std::collections::BTreeSet;
use std::path::Path;

use tch::Tensor;

use super::dataset::Dataset;
use super::images::{decode_all, image_files};
use super::text::folder_names;
use crate::control::Control;
use crate::error::{EngineError, Result};

/// Splits: the folders in `root` that hold folders.
pub fn folder_splits(root: &Path) -> Result<Vec<String>> {
    let mut splits = Vec::new();
    for name in folder_names(root)? {
        if !folder_names(&root.join(&name))?.is_empty() {
            splits.push(name);
        }
    }
    Ok(splits)
}

/// Reads split `split`. Classes are the names of the class folders of all splits, sorted, so that a split that lacks a
/// class numbers the others no differently; a class that `train` lacks is refused.
pub fn load_folder(root: &Path, split: &str, control: &Control) -> Result<Dataset> {
    let classes = class_names(root)?;
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    for class in folder_names(&root.join(split))? {
        let found = image_files(&root.join(split).join(&class))?;
        let label = classes.iter().position(|name| *name == class).unwrap_or_default() as i64;
        labels.extend(std::iter::repeat_n(label, found.len()));
        files.extend(found);
    }
    let name = root.file_name().and_then(|name| name.to_str()).unwrap_or("folder");
    Dataset::new(decode_all(&files, control)?, Tensor::f_from_slice(&labels)?, classes, name, split)
}

fn class_names(root: &Path) -> Result<Vec<String>> {
    let splits = folder_splits(root)?;
    let trained: Option<BTreeSet<String>> = match splits.iter().find(|split| *split == "train") {
        Some(train) => Some(folder_names(&root.join(train))?.into_iter().collect()),
        None => None,
    };
    let mut all = BTreeSet::new();
    for split in &splits {
        for class in folder_names(&root.join(split))? {
            if trained.as_ref().is_some_and(|known| !known.contains(&class)) {
                return Err(EngineError::file(
                    root.join(split).join(&class),
                    "is a class that train has no folder for; sort the images into class folders (a raw Tiny-ImageNet \
                     archive is read with the format tiny-imagenet)",
                ));
            }
            all.insert(class);
        }
    }
    Ok(all.into_iter().collect())
}
