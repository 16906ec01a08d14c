//! Fine-tuning modules on clean data (paper section 4, step 2): training on clean images with everything frozen but the
//! chosen weights.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::inputs::{check_fit, label_of, DataFile, NetworkFile};
use crate::compute::Compute;
use crate::control::Control;
use crate::error::Result;
use crate::net::{BatchNorm, Network};
use crate::spec::{BatchNormMode, ComputeSpec, FineTuneScope, FineTuneSpec, TrainSpec};
use crate::train::adversarial::{train, Inputs, Tuning};
use crate::train::records::EpochRecord;
use crate::train::reestimate;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    network: NetworkFile,
    train: DataFile,
    selection: Option<DataFile>,
    spec: FineTuneSpec,
    compute: ComputeSpec,
    output: PathBuf,
    checkpoint: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    epochs: Vec<EpochRecord>,
    chosen_epoch: u32,
    relative_change: BTreeMap<String, f64>,
}

pub(super) fn fine_tune(request: Request, control: &Control) -> Result<Response> {
    let spec = &request.spec;
    spec.check().map_err(|error| error.under("spec"))?;
    let original = request.network.read()?;
    let data = request.train.read("train")?;
    check_fit(&original, &data, "train")?;
    let selection = request.selection.as_ref().map(|file| file.read("selection")).transpose()?;
    if let Some(held_out) = &selection {
        check_fit(&original, held_out, "selection")?;
    }
    let modules = modules(&original, spec)?;
    let tuning = Tuning {
        parameters: if spec.scope == FineTuneScope::All {
            Vec::new()
        } else {
            modules.iter().map(|module| original.weight_name(module)).collect()
        },
        batch_norm: if spec.batch_norm == BatchNormMode::Track { BatchNorm::Train } else { BatchNorm::Eval },
        trust_region: spec.trust_region,
    };
    let training = as_training(spec);
    let inputs = Inputs {
        train: &data,
        extra: None,
        selection: selection.as_ref(),
        spec: &training,
        checkpoint: request.checkpoint.as_deref(),
        tuning: Some(&tuning),
    };
    let compute = Compute::resolve(&request.compute)?;
    let mut network = original.copy()?;
    let trained = train(&mut network, &inputs, &compute, control)?;
    if spec.batch_norm == BatchNormMode::Reestimate {
        reestimate::batch_norm(&mut network, &data, &compute, control)?;
    }
    network.manifest.parents = vec![label_of(&request.network.path)];
    network.write(&request.output)?;
    let relative_change = modules
        .iter()
        .map(|module| Ok((module.clone(), relative_change(&original, &network, module)?)))
        .collect::<Result<_>>()?;
    Ok(Response { epochs: trained.epochs, chosen_epoch: trained.chosen_epoch, relative_change })
}

fn modules(network: &Network, spec: &FineTuneSpec) -> Result<Vec<String>> {
    let names = network.module_names();
    Ok(match spec.scope {
        FineTuneScope::All => names,
        FineTuneScope::Last => names.into_iter().last().into_iter().collect(),
        FineTuneScope::Modules => {
            for module in &spec.modules {
                network.check_module(module)?;
            }
            spec.modules.clone()
        }
    })
}

fn relative_change(from: &Network, to: &Network, module: &str) -> Result<f64> {
    let name = from.weight_name(module);
    let start = from.state.require(&name)?;
    let change = to.state.require(&name)?.f_sub(start)?;
    Ok(f64::try_from(&change.f_norm()?)? / f64::try_from(&start.f_norm()?)?.max(f64::MIN_POSITIVE))
}

/// The same settings as training on clean images.
fn as_training(spec: &FineTuneSpec) -> TrainSpec {
    TrainSpec {
        keep_best: spec.keep_best,
        ..TrainSpec::standard(spec.epochs, spec.batch_size, spec.optimizer.clone(), spec.augment.clone(), spec.seed)
    }
}
