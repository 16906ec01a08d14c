//! Crafting an adversarial set.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::inputs::{check_fit, label_of, DataFile, NetworkFile};
use super::outcomes::AttackOutcome;
use crate::attack::{run_resumable, DatasetAttack, Pair, Resume};
use crate::compute::Compute;
use crate::control::{Control, Progress};
use crate::data::{write_adversarial_set, AdversarialManifest, AdversarialSet};
use crate::error::{EngineError, Result};
use crate::evaluate::{standard, Outcome};
use crate::spec::{ComputeSpec, CraftSpec};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    network: NetworkFile,
    data: DataFile,
    spec: CraftSpec,
    compute: ComputeSpec,
    output: PathBuf,
    /// Where the attack keeps its state, so that a later try goes on where this one ended.
    #[serde(default)]
    checkpoint: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    outcome: AttackOutcome,
    standard: Outcome,
}

pub(super) fn craft(request: Request, control: &Control) -> Result<Response> {
    request.spec.attack.check().map_err(|error| error.under("spec.attack"))?;
    let (network, data) = (request.network.read()?, request.data.read("data")?);
    check_fit(&network, &data, "data")?;
    let compute = Compute::resolve(&request.compute)?;
    let (fast, judge) = (compute.fast_plan(&network)?, compute.judge_plan(&network)?);
    let clean = standard(&judge, &data, compute.batch_size, control)?;
    let spec = compute.attack(&request.spec.attack);
    let attack = DatasetAttack {
        pair: &Pair { fast: &fast, judge: &judge },
        data: &data,
        offset: request.data.first_id(),
        spec: &spec,
        seed: u64::from(request.spec.seed),
        batch_size: compute.batch_size,
        keep_images: true,
    };
    let total = data.len() as u64;
    let network_digest = request.network.identity();
    let checkpoint = request.checkpoint.as_deref();
    let resume = checkpoint.map(|path| Resume { path, network_digest: &network_digest, keep: false });
    let mut attacked = run_resumable(&attack, resume.as_ref(), control, &mut |standing| {
        control.report(Progress {
            phase: "crafting".into(),
            done: standing.done,
            total,
            unit: "images".into(),
            ..Progress::default()
        });
    })?;
    let images = attacked.images.take();
    let adv = images.ok_or_else(|| EngineError::Internal("the attack kept no images".into()))?;
    let outcome = AttackOutcome::new(&request.spec.attack, attacked);
    let value = |error: serde_json::Error| EngineError::Internal(format!("manifest: {error}"));
    let manifest = AdversarialManifest {
        attack: serde_json::to_value(&request.spec).map_err(value)?,
        network: label_of(&request.network.path),
        dataset: label_of(&request.data.path),
        audit: serde_json::to_value(outcome.audit).map_err(value)?,
        ..AdversarialManifest::imported()
    };
    let first = request.data.first_id() as i64;
    let index = Tensor::f_arange_start(first, first + data.len(), (Kind::Int64, tch::Device::Cpu))?;
    let set = AdversarialSet { adv, y: data.labels.shallow_clone(), index, manifest };
    write_adversarial_set(&request.output, &set)?;
    Ok(Response { outcome, standard: clean })
}
