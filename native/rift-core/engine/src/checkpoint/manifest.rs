//! What is known about a network beside its weights, kept in the metadata of its file.

use std::collections::BTreeMap;
use std::path::Path;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::safetensors::{read_safetensors, write_safetensors, Metadata};
use super::state_dict::StateDict;
use crate::error::{EngineError, Result};

/// Metadata key under which every artifact keeps its manifest as JSON.
pub const MANIFEST_KEY: &str = "rift.manifest";

/// How pixels in [0,1] become the input of the first layer: (x − mean) ÷ std per channel.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Preprocess {
    /// `cifar10`, `imagenet`, `none` or `custom`.
    pub name: String,
    /// Mean per channel in [0,1] pixel units; three values.
    pub mean: Vec<f64>,
    /// Standard deviation per channel; three values above zero.
    pub std: Vec<f64>,
}

/// Description of a network, embedded in its safetensors file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct NetworkManifest {
    /// Always `network`.
    pub kind: String,
    /// Architecture ("resnet18", "wrn-34-10").
    pub arch: String,
    /// Channels of the first stage (64 for the usual ResNet-18).
    pub width: i64,
    /// Number of classes.
    pub classes: i64,
    /// Height and width of the square input in pixels.
    pub input_size: i64,
    /// Declared preprocessing; part of the network, so attacks see pixels in [0,1].
    pub preprocess: Preprocess,
    /// Class names in label order; empty when unknown, else `classes` many.
    #[serde(default)]
    pub class_names: Vec<String>,
    /// Figures measured on this network; accuracies are fractions.
    #[serde(default)]
    pub metrics: BTreeMap<String, f64>,
    /// SHA-256 of the artifacts that this network was made from.
    #[serde(default)]
    pub parents: Vec<String>,
    /// Anything else worth keeping, such as `epoch` and `acc` of an imported checkpoint.
    #[serde(default)]
    pub notes: BTreeMap<String, String>,
}

impl NetworkManifest {
    /// A network of which nothing more is known than its shape; pixels enter it as they are.
    pub fn plain(arch: &str, width: i64, classes: i64, input_size: i64) -> Self {
        Self {
            kind: "network".into(),
            arch: arch.into(),
            width,
            classes,
            input_size,
            preprocess: Preprocess { name: "none".into(), mean: vec![0.0; 3], std: vec![1.0; 3] },
            class_names: Vec::new(),
            metrics: BTreeMap::new(),
            parents: Vec::new(),
            notes: BTreeMap::new(),
        }
    }

    /// Checks every field's rule.
    pub fn check(&self) -> Result<()> {
        if self.kind != "network" {
            return Err(EngineError::invalid("kind", &self.kind, "must be network"));
        }
        if self.arch.is_empty() {
            return Err(EngineError::invalid("arch", "empty", "must name an architecture"));
        }
        for (field, value) in [("width", self.width), ("classes", self.classes), ("inputSize", self.input_size)] {
            if !(1..=65_536).contains(&value) {
                return Err(EngineError::invalid(field, value, "must be between 1 and 65536"));
            }
        }
        if !self.class_names.is_empty() && self.class_names.len() as i64 != self.classes {
            return Err(EngineError::invalid(
                "classNames",
                format!("{} names", self.class_names.len()),
                format!("must be empty or one for each of the {} classes", self.classes),
            ));
        }
        self.preprocess.check().map_err(|error| error.under("preprocess"))
    }
}

impl Preprocess {
    /// A published normalisation: `cifar10`, `cifar100`, `imagenet` or `none`.
    pub fn named(name: &str) -> Result<Self> {
        let (mean, std) = match name {
            "cifar10" => ([0.4914, 0.4822, 0.4465], [0.2471, 0.2435, 0.2616]),
            "cifar100" => ([0.5071, 0.4865, 0.4409], [0.2673, 0.2564, 0.2762]),
            "imagenet" => ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
            "none" => ([0.0; 3], [1.0; 3]),
            _ => {
                let known = ["cifar10", "cifar100", "imagenet", "none"].map(str::to_string);
                return Err(EngineError::unknown("preprocess", name, &known));
            }
        };
        Ok(Self { name: name.into(), mean: mean.to_vec(), std: std.to_vec() })
    }

    /// Checks that mean and std have three finite values each and std is above zero.
    pub fn check(&self) -> Result<()> {
        for (field, values, lowest) in [("mean", &self.mean, -f64::MAX), ("std", &self.std, f64::MIN_POSITIVE)] {
            if values.len() != 3 || values.iter().any(|value| !value.is_finite() || *value < lowest) {
                let rule = "must be three finite numbers, above zero for std";
                return Err(EngineError::invalid(field, format!("{values:?}"), rule));
            }
        }
        Ok(())
    }
}

/// Metadata that holds `manifest` as JSON under [`MANIFEST_KEY`].
pub fn to_metadata(manifest: &impl Serialize) -> Result<Metadata> {
    let text = serde_json::to_string(manifest).map_err(|error| EngineError::Internal(format!("manifest: {error}")))?;
    Ok(Metadata::from([(MANIFEST_KEY.to_string(), text)]))
}

/// The manifest of kind `kind` in the metadata of the file at `path`. A file of another kind or without a manifest is
/// refused with a sentence that says what it is.
pub fn from_metadata<M: DeserializeOwned>(path: &Path, metadata: &Metadata, kind: &str) -> Result<M> {
    let text = metadata.get(MANIFEST_KEY).ok_or_else(|| {
        EngineError::file(
            path,
            format!("has no {MANIFEST_KEY} in its metadata, so it is no artifact of kind {kind}; import it first"),
        )
    })?;
    let value: serde_json::Value = serde_json::from_str(text)
        .map_err(|error| EngineError::file(path, format!("{MANIFEST_KEY} is not JSON: {error}")))?;
    match value.get("kind").and_then(serde_json::Value::as_str) {
        Some(found) if found == kind => {}
        found => {
            let found = found.unwrap_or("unknown");
            return Err(EngineError::file(path, format!("is an artifact of kind {found}, but {kind} is needed")));
        }
    }
    serde_json::from_value(value).map_err(|error| EngineError::file(path, format!("{MANIFEST_KEY}: {error}")))
}

/// Reads a network artifact: weights (finite, on the CPU) and checked manifest.
pub fn read_network(path: &Path) -> Result<(StateDict, NetworkManifest)> {
    let (tensors, metadata) = read_safetensors(path)?;
    let manifest: NetworkManifest = from_metadata(path, &metadata, "network")?;
    manifest.check().map_err(|error| EngineError::file(path, format!("{MANIFEST_KEY}: {error}")))?;
    tensors.check_finite(path)?;
    Ok((tensors, manifest))
}

/// Writes a network artifact atomically; weights must be finite and the manifest valid.
pub fn write_network(path: &Path, tensors: &StateDict, manifest: &NetworkManifest) -> Result<()> {
    manifest.check()?;
    tensors.check_finite(path)?;
    write_safetensors(path, tensors, &to_metadata(manifest)?)
}
