//! Adversarial sets: images crafted once for one network, as an artifact with its audit, or imported from NumPy.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tch::{Device, Kind, Tensor};

use super::arrays::to_labels;
use super::npy::{read_npz, write_npz};
use crate::checkpoint::manifest::{from_metadata, to_metadata};
use crate::checkpoint::{read_safetensors, write_safetensors, StateDict};
use crate::error::{EngineError, Result};

const KIND: &str = "adversarial-set";

/// Where an adversarial set came from and what its audit found; in the metadata of its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AdversarialManifest {
    /// Always `adversarial-set`.
    pub kind: String,
    /// Record of the attack; null for an imported set.
    #[serde(default)]
    pub attack: Value,
    /// SHA-256 of the network; empty for an imported set.
    #[serde(default)]
    pub network: String,
    /// SHA-256 of the split; empty for an imported set.
    #[serde(default)]
    pub dataset: String,
    /// Largest |δ|, pixel range, images changed; null for an imported set.
    #[serde(default)]
    pub audit: Value,
}

impl AdversarialManifest {
    /// The manifest of a set of which nothing is known.
    pub fn imported() -> Self {
        let (network, dataset) = (String::new(), String::new());
        Self { kind: KIND.into(), attack: Value::Null, network, dataset, audit: Value::Null }
    }
}

/// Crafted images and what belongs to each.
#[derive(Debug)]
pub struct AdversarialSet {
    /// Images, f32 in [0,1], shape [N, 3, H, W], on the CPU.
    pub adv: Tensor,
    /// True labels, i64, shape [N], none below zero.
    pub y: Tensor,
    /// Index of each image in its split, i64, shape [N], none below zero.
    pub index: Tensor,
    /// Where it came from.
    pub manifest: AdversarialManifest,
}

impl AdversarialSet {
    /// Checks kinds, shapes, counts and that every pixel is a number in [0,1]; the error names the first image that is
    /// not.
    pub fn check(&self) -> Result<()> {
        let shape = self.adv.size();
        if self.adv.f_kind()? != Kind::Float || shape.len() != 4 || shape[1] != 3 || self.adv.numel() == 0 {
            let found = format!("{:?} {shape:?}", self.adv.f_kind()?);
            return Err(EngineError::invalid(
                "adv",
                found,
                "must be float32 of shape [N, 3, H, W] with at least one image",
            ));
        }
        for (field, tensor) in [("y", &self.y), ("index", &self.index)] {
            if tensor.f_kind()? != Kind::Int64 || tensor.size() != [shape[0]] {
                let found = format!("{:?} {:?}", tensor.f_kind()?, tensor.size());
                return Err(EngineError::invalid(
                    field,
                    found,
                    format!("must be one integer for each of the {} images", shape[0]),
                ));
            }
            let lowest = i64::try_from(tensor.f_min()?)?;
            if lowest < 0 {
                return Err(EngineError::invalid(field, lowest, "must not be below zero"));
            }
        }
        // NaN fails both comparisons, so the negation catches it too.
        let inside = self.adv.f_ge(0.0)?.f_logical_and(&self.adv.f_le(1.0)?)?;
        let outside = inside.f_logical_not()?.f_flatten(1, -1)?.f_any_dim(1, false)?;
        let count = i64::try_from(outside.f_sum(Kind::Int64)?)?;
        if count > 0 {
            let first = i64::try_from(outside.f_to_kind(Kind::Int)?.f_argmax(0, false)?)?;
            let found = format!("outside [0,1] or not a number in {count} images, first in image {first}");
            return Err(EngineError::invalid(
                "adv",
                found,
                "every pixel must be in [0,1]; divide by 255 if they are bytes",
            ));
        }
        Ok(())
    }
}

/// Reads an adversarial set artifact, or imports a `.npz` (or plain `.safetensors`) of `adv`, `y` and, if present,
/// `index`; without it the images are numbered from zero.
pub fn read_adversarial_set(path: &Path) -> Result<AdversarialSet> {
    let npz = path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) || begins_as_zip(path)?;
    let (mut tensors, manifest) = if npz {
        (read_npz(path, |name| matches!(name, "adv" | "y" | "index"))?, AdversarialManifest::imported())
    } else {
        let (tensors, metadata) = read_safetensors(path)?;
        let known = metadata.contains_key(crate::checkpoint::manifest::MANIFEST_KEY);
        (tensors, if known { from_metadata(path, &metadata, KIND)? } else { AdversarialManifest::imported() })
    };
    let mut take = |name: &str| {
        tensors
            .remove(name)
            .ok_or_else(|| EngineError::file(path, format!("has no array {name}; adv and y are needed")))
    };
    let (adv, y) = (take("adv")?, to_labels(path, "y", &take("y")?)?);
    let index = match tensors.remove("index") {
        Some(index) => to_labels(path, "index", &index)?,
        None => Tensor::f_arange(y.numel() as i64, (Kind::Int64, Device::Cpu))?,
    };
    let set = AdversarialSet { adv, y, index, manifest };
    set.check().map_err(|error| EngineError::file(path, error.to_string()))?;
    Ok(set)
}

/// Writes `set` atomically after checking it: NumPy's format where `path` ends in `.npz` (the manifest does not fit
/// there), else an artifact. Equal content gives equal bytes.
pub fn write_adversarial_set(path: &Path, set: &AdversarialSet) -> Result<()> {
    set.check()?;
    let mut tensors = StateDict::new();
    for (name, tensor) in [("adv", &set.adv), ("y", &set.y), ("index", &set.index)] {
        tensors.insert(name, tensor.shallow_clone());
    }
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("npz")) {
        return write_npz(path, &tensors);
    }
    write_safetensors(path, &tensors, &to_metadata(&set.manifest)?)
}

/// An uploaded file has lost its name, so its first bytes decide.
fn begins_as_zip(path: &Path) -> Result<bool> {
    use std::io::Read;
    let mut start = Vec::new();
    let file = std::fs::File::open(path).map_err(|error| EngineError::io(path, error))?;
    file.take(4).read_to_end(&mut start).map_err(|error| EngineError::io(path, error))?;
    Ok(start == b"PK\x03\x04")
}
