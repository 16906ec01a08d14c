//! What is measured between epochs: the selection split, and the attack of the overfitting guard.

use tch::{Kind, Tensor};

use super::batches::Images;
use crate::attack::{self, Batch, Pair};
use crate::compute::Compute;
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::evaluate;
use crate::net::{Classifier, Network};
use crate::rng;
use crate::spec::{AttackKind, AttackSpec, TrainSpec};

/// Steps of the guard's PGD, each a quarter of the radius: 5 of 2/255 within 8/255 (Wong et al. 2020).
const GUARD_STEPS: u32 = 5;

/// Clean accuracy and accuracy under the selection attack (−1 without one) on `data`.
pub fn selection(
    network: &Network, data: &Dataset, spec: &TrainSpec, compute: &Compute, control: &Control,
) -> Result<(f64, f64)> {
    let judge = compute.judge_plan(network)?;
    let standard = evaluate::standard(&judge, data, compute.batch_size, control)?.accuracy();
    let Some(attack) = &spec.selection_attack else { return Ok((standard, -1.0)) };
    let mut robust = 0;
    let mut at = 0;
    while at < data.len() {
        let indices: Vec<i64> = (at..(at + compute.batch_size).min(data.len())).collect();
        let (images, labels) = data.batch(&indices)?;
        let ids = indices.iter().map(|index| *index as u64).collect();
        robust += robust_count(network, &Images { images, labels, ids }, attack, spec, compute, control)?;
        at += compute.batch_size;
    }
    Ok((standard, robust as f64 / data.len() as f64))
}

/// Accuracy under PGD-5 on `batch`, an epoch's first: a fall to almost nothing is catastrophic overfitting to one-step
/// images.
pub fn guard(network: &Network, batch: &Images, spec: &TrainSpec, compute: &Compute, control: &Control) -> Result<f64> {
    let threat_model = spec.crafting()?.threat_model;
    let attack = AttackSpec {
        kind: AttackKind::Pgd,
        threat_model,
        // Any step will do at radius 0, but it has to be one.
        step_size: (threat_model.epsilon / 4.0).max(f64::MIN_POSITIVE),
        steps: GUARD_STEPS,
        restarts: 1,
        random_start: true,
        targets: 0,
        to_the_end: true,
    };
    let robust = robust_count(network, batch, &attack, spec, compute, control)?;
    Ok(robust as f64 / batch.ids.len() as f64)
}

fn robust_count(
    network: &Network, read: &Images, attack: &AttackSpec, spec: &TrainSpec, compute: &Compute, control: &Control,
) -> Result<i64> {
    let (fast, judge) = (compute.fast_plan(network)?, compute.judge_plan(network)?);
    let place = |tensor: &Tensor| tensor.f_to_device(judge.device());
    let (images, labels) = (place(&read.images)?, place(&read.labels)?);
    let batch = Batch { images: &images, labels: &labels, ids: &read.ids };
    let seed = rng::derive(u64::from(spec.seed), "selection", &[]);
    let attacked = attack::attack(&Pair { fast: &fast, judge: &judge }, &batch, attack, seed, control)?;
    Ok(i64::try_from(&attacked.robust.f_sum(Kind::Int64)?)?)
}
