//! The raw Tiny-ImageNet archive: `train/<wnid>/images/*.JPEG`, and `val/images/*.JPEG` whose classes stand in
//! `val/val_annotations.txt`. Read as plain class folders its validation split would be one class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use tch::Tensor;

use super::dataset::Dataset;
use super::images::{decode_all, image_files};
use super::text::{folder_names, lines};
use crate::control::Control;
use crate::error::{EngineError, Result};

/// `train`, and `val` where it is there; the test images of the archive have no labels.
pub fn tiny_imagenet_splits(root: &Path) -> Vec<String> {
    ["train", "val"].into_iter().filter(|split| root.join(split).is_dir()).map(ToString::to_string).collect()
}

/// Reads split train or val. Classes are the `WordNet` ids, sorted, which is the order in which networks were trained.
pub fn load_tiny_imagenet(root: &Path, split: &str, control: &Control) -> Result<Dataset> {
    let classes = class_ids(root)?;
    let (mut files, mut labels) = (Vec::new(), Vec::new());
    let folder = root.join(split);
    if folder.join("val_annotations.txt").is_file() {
        annotated(&folder, &classes, &mut files, &mut labels)?;
    } else {
        for (label, class) in classes.iter().enumerate() {
            let class = folder.join(class);
            let nested = class.join("images");
            let found = image_files(if nested.is_dir() { &nested } else { &class })?;
            labels.extend(std::iter::repeat_n(label as i64, found.len()));
            files.extend(found);
        }
    }
    Dataset::new(decode_all(&files, control)?, Tensor::f_from_slice(&labels)?, classes, "tiny-imagenet", split)
}

fn class_ids(root: &Path) -> Result<Vec<String>> {
    let mut ids = match lines(&root.join("wnids.txt"))? {
        Some(ids) => ids,
        None => folder_names(&root.join("train"))?,
    };
    ids.sort_unstable();
    let before = ids.len();
    ids.dedup();
    if ids.len() < before {
        return Err(EngineError::file(root.join("wnids.txt"), "names a class twice"));
    }
    Ok(ids)
}

/// Files and labels of the annotation file, in its order; every image must be annotated once.
fn annotated(folder: &Path, classes: &[String], files: &mut Vec<PathBuf>, labels: &mut Vec<i64>) -> Result<()> {
    let path = folder.join("val_annotations.txt");
    let known: HashMap<&str, i64> = classes.iter().enumerate().map(|(label, id)| (id.as_str(), label as i64)).collect();
    let mut seen = std::collections::HashSet::new();
    for (number, line) in lines(&path)?.unwrap_or_default().iter().enumerate() {
        let fail = |reason: String| EngineError::file(&path, format!("line {}: {reason}", number + 1));
        let mut fields = line.split('\t');
        let (Some(name), Some(id)) = (fields.next(), fields.next()) else {
            return Err(fail("is not a file name, a tab and a WordNet id".into()));
        };
        if name.contains(['/', '\\']) || name == ".." {
            return Err(fail(format!("{name} is not a plain file name")));
        }
        let label = known.get(id).ok_or_else(|| fail(format!("{id} is none of the {} classes", classes.len())))?;
        if !seen.insert(name.to_string()) {
            return Err(fail(format!("{name} is annotated twice")));
        }
        files.push(folder.join("images").join(name));
        labels.push(*label);
    }
    let there = image_files(&folder.join("images"))?.len();
    if there == seen.len() {
        Ok(())
    } else {
        Err(EngineError::file(&path, format!("annotates {} images, but images/ holds {there}", seen.len())))
    }
}
