//! Importing, inspecting and exporting networks.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::Done;
use crate::checkpoint::manifest::MANIFEST_KEY;
use crate::checkpoint::{
    self, read_pth, read_safetensors, write_pth, write_safetensors, Metadata, NetworkManifest, StateDict,
};
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::net::{script, zoo, Network};

/// `rift.common.v1.Preprocess`.
#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Preprocess {
    name: String,
    mean: Vec<f64>,
    standard_deviation: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImportRequest {
    path: PathBuf,
    file_name: String,
    arch: String,
    width: i64,
    classes: i64,
    input_size: i64,
    preprocess: Preprocess,
    class_names: Vec<String>,
    output: PathBuf,
}

/// `rift.common.v1.NetworkInfo` without its digest.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct NetworkInfo {
    arch: String,
    width: i64,
    classes: i64,
    input_size: i64,
    preprocess: Preprocess,
    class_names: Vec<String>,
    parameters: i64,
    modules: Vec<ModuleInfo>,
    metrics: BTreeMap<String, f64>,
    parents: Vec<String>,
    notes: Vec<String>,
}

#[derive(Serialize)]
struct ModuleInfo {
    name: String,
    kind: &'static str,
    shape: Vec<i64>,
    parameters: i64,
}

pub(super) fn import_network(request: ImportRequest, _control: &Control) -> Result<NetworkInfo> {
    if request.arch == script::ARCHITECTURE {
        return import_program(&request);
    }
    let named = |error| match error {
        // The file is a copy under its digest; the user knows it by its own name.
        EngineError::InvalidFile { reason, .. } => EngineError::file(&request.file_name, reason),
        other => other,
    };
    let (tensors, mut notices) = tensors(&request).map_err(named)?;
    let (tensors, dropped) = drop_dead(tensors);
    notices.extend(dropped);
    let width = if request.width == 0 { zoo::default_width(&request.arch) } else { request.width };
    let network = Network::from_state(manifest(&request, width, &notices)?, tensors, Path::new(&request.file_name))?;
    network.write(&request.output)?;
    info(&network)
}

/// A TorchScript program becomes a network as it is, after it has run once on two grey images.
fn import_program(request: &ImportRequest) -> Result<NetworkInfo> {
    let bytes = std::fs::read(&request.path).map_err(|error| EngineError::io(&request.file_name, error))?;
    let notice = "the network is a TorchScript program: whoever computes with it runs it".to_string();
    let manifest = manifest(request, 1, &[notice])?;
    let network = Network::from_program(manifest, bytes, Path::new(&request.file_name))?;
    network.write(&request.output)?;
    info(&network)
}

fn manifest(request: &ImportRequest, width: i64, notices: &[String]) -> Result<NetworkManifest> {
    let preprocess = if request.preprocess.mean.is_empty() && request.preprocess.standard_deviation.is_empty() {
        checkpoint::Preprocess::named(&request.preprocess.name)?
    } else {
        checkpoint::Preprocess {
            name: request.preprocess.name.clone(),
            mean: request.preprocess.mean.clone(),
            std: request.preprocess.standard_deviation.clone(),
        }
    };
    Ok(NetworkManifest {
        preprocess,
        class_names: request.class_names.clone(),
        notes: notices.iter().enumerate().map(|(at, notice)| (format!("import {at}"), notice.clone())).collect(),
        ..NetworkManifest::plain(&request.arch, width, request.classes, request.input_size)
    })
}

/// Named tensors of a PyTorch or safetensors file, told by its content, and what a person should know.
fn tensors(request: &ImportRequest) -> Result<(StateDict, Vec<String>)> {
    let is_safetensors = Path::new(&request.file_name).extension().is_some_and(|end| end == "safetensors");
    if is_safetensors {
        let (tensors, metadata) = read_safetensors(&request.path)?;
        let notices = if metadata.contains_key(MANIFEST_KEY) {
            vec!["the file is a network artifact; its own manifest was replaced".to_string()]
        } else {
            Vec::new()
        };
        return Ok((tensors, notices));
    }
    let file = read_pth(&request.path)?;
    let mut notices = file.notices;
    if let Some((mean, std)) = &file.normalize {
        notices
            .push(format!("the file normalises with mean {mean:?} and standard deviation {std:?}; check --preprocess"));
    }
    notices.extend(file.notes.iter().map(|(name, value)| format!("{name} was {value}")));
    Ok((file.tensors, notices))
}

/// The published WRN code builds `sub_block1`, which its forward never uses; every checkpoint of it carries the weights.
fn drop_dead(tensors: StateDict) -> (StateDict, Option<String>) {
    let before = tensors.len();
    let kept: StateDict = tensors.into_iter().filter(|(name, _)| !name.starts_with("sub_block1.")).collect();
    let dropped = before - kept.len();
    let notice =
        (dropped > 0).then(|| format!("{dropped} tensors of sub_block1, which no forward pass uses, were dropped"));
    (kept, notice)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct InspectRequest {
    path: PathBuf,
}

pub(super) fn inspect_network(request: InspectRequest, _control: &Control) -> Result<NetworkInfo> {
    info(&Network::read(&request.path)?)
}

fn info(network: &Network) -> Result<NetworkInfo> {
    let manifest = &network.manifest;
    let modules = network
        .module_names()
        .into_iter()
        .map(|name| {
            let shape = network.state.require(&network.weight_name(&name))?.size();
            let kind = match shape.len() {
                2 => "linear",
                4 => "conv2d",
                _ => "other",
            };
            Ok(ModuleInfo { parameters: shape.iter().product(), name, kind, shape })
        })
        .collect::<Result<_>>()?;
    Ok(NetworkInfo {
        arch: manifest.arch.clone(),
        width: manifest.width,
        classes: manifest.classes,
        input_size: manifest.input_size,
        preprocess: Preprocess {
            name: manifest.preprocess.name.clone(),
            mean: manifest.preprocess.mean.clone(),
            standard_deviation: manifest.preprocess.std.clone(),
        },
        class_names: manifest.class_names.clone(),
        parameters: network.parameters(),
        modules,
        metrics: manifest.metrics.clone(),
        parents: manifest.parents.clone(),
        notes: manifest.notes.values().cloned().collect(),
    })
}

#[derive(Deserialize)]
enum ExportFormat {
    #[serde(rename = "EXPORT_FORMAT_PTH")]
    Pth,
    #[serde(rename = "EXPORT_FORMAT_SAFETENSORS")]
    Safetensors,
    #[serde(rename = "EXPORT_FORMAT_TORCHSCRIPT")]
    Torchscript,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ExportRequest {
    path: PathBuf,
    format: ExportFormat,
    output: PathBuf,
}

pub(super) fn export_network(request: ExportRequest, _control: &Control) -> Result<Done> {
    let network = Network::read(&request.path)?;
    match request.format {
        ExportFormat::Pth => write_pth(&request.output, &network.state)?,
        ExportFormat::Torchscript => {
            let Some(script) = network.script() else {
                let rule = "needs a network that was imported as TorchScript; export .pth or .safetensors";
                return Err(EngineError::invalid("format", &network.manifest.arch, rule));
            };
            script.save(&request.output)?;
        }
        ExportFormat::Safetensors => write_safetensors(&request.output, &network.state, &Metadata::new())?,
    }
    Ok(Done {})
}
