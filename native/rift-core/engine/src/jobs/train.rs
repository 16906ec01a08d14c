//! Adversarial training.

use std::path::PathBuf;

use serde::Deserialize;

use super::inputs::{check_fit, label_of, DataFile, NetworkFile};
use crate::checkpoint::{NetworkManifest, Preprocess};
use crate::compute::Compute;
use crate::control::Control;
use crate::data::Dataset;
use crate::error::{EngineError, Result};
use crate::net::Network;
use crate::spec::{ComputeSpec, TrainSpec};
use crate::train::adversarial::{self, Inputs, Trained};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    train: DataFile,
    selection: Option<DataFile>,
    extra: Option<DataFile>,
    spec: TrainSpec,
    initial: Option<NetworkFile>,
    compute: ComputeSpec,
    output: PathBuf,
    checkpoint: Option<PathBuf>,
}

pub(super) fn train(request: Request, control: &Control) -> Result<Trained> {
    request.spec.check().map_err(|error| error.under("spec"))?;
    let data = request.train.read("train")?;
    let selection = request.selection.as_ref().map(|file| file.read("selection")).transpose()?;
    let extra = request.extra.as_ref().map(|file| file.read("extra")).transpose()?;
    let mut network = match &request.initial {
        Some(initial) => {
            let mut network = initial.read()?;
            network.manifest.parents = vec![label_of(&initial.path)];
            network.manifest.metrics.clear();
            network
        }
        None => initial_network(&request.spec, &data)?,
    };
    check_fit(&network, &data, "train")?;
    if let Some(held_out) = &selection {
        check_fit(&network, held_out, "selection")?;
    }
    let inputs = Inputs {
        train: &data,
        extra: extra.as_ref(),
        selection: selection.as_ref(),
        spec: &request.spec,
        checkpoint: request.checkpoint.as_deref(),
        tuning: None,
    };
    let trained = adversarial::train(&mut network, &inputs, &Compute::resolve(&request.compute)?, control)?;
    network.write(&request.output)?;
    Ok(trained)
}

fn initial_network(spec: &TrainSpec, data: &Dataset) -> Result<Network> {
    let architecture = spec.architecture.as_ref().ok_or_else(|| {
        EngineError::invalid("spec.architecture", "unset", "must name an architecture when no initial network is given")
    })?;
    let classes = data.classes.len() as i64;
    let manifest = NetworkManifest {
        preprocess: Preprocess::named(&spec.preprocess)?,
        class_names: data.classes.clone(),
        ..NetworkManifest::plain(&architecture.arch, architecture.width.into(), classes, data.image_size().0)
    };
    Network::initial(manifest, u64::from(spec.seed))
}
