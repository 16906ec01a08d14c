//! Re-estimation of batch-norm statistics: the running mean and variance become the average over the batches of the
//! given images, weights unchanged.

use tch::{Device, Kind, Tensor};

use crate::compute::Compute;
use crate::control::Control;
use crate::data::Dataset;
use crate::error::{EngineError, Result};
use crate::net::graph::Op;
use crate::net::script::is_statistic;
use crate::net::{BatchNorm, Executor, Format, Network};

const BATCH: i64 = 256;

/// Replaces every running statistic of `network`. Equal weight to every batch: momentum 1/k at the k-th.
pub fn batch_norm(network: &mut Network, data: &Dataset, compute: &Compute, control: &Control) -> Result<()> {
    let _guard = tch::no_grad_guard();
    if network.script().is_some() {
        return of_program(network, data, compute, control);
    }
    let mut at = 0;
    let mut graph = network.graph.clone();
    while at < data.len() {
        control.check()?;
        let share = 1.0 / (1.0 + (at / BATCH) as f64);
        for node in &mut graph.nodes {
            if let Op::BatchNorm2d { momentum, .. } = &mut node.op {
                *momentum = share;
            }
        }
        let indices: Vec<i64> = (at..(at + BATCH).min(data.len())).collect();
        let (images, _) = data.batch(&indices)?;
        let format = Format { kind: tch::Kind::Float, channels_last: compute.fast.format.channels_last };
        let _ = Executor::bind(&graph, &network.state, format)?.forward(&images, BatchNorm::Train)?;
        at += BATCH;
    }
    Ok(())
}

/// The same for a program, whose momentum m nobody can set: from a running value of 0 a batch leaves m·b, from 1 it leaves
/// 1 − m + m·b, which tells m and then the batch's own b.
fn of_program(network: &mut Network, data: &Dataset, compute: &Compute, control: &Control) -> Result<()> {
    network.to_device(compute.device)?;
    let model = network.bind(Format::PLAIN)?;
    let statistics: Vec<(String, Tensor)> = network
        .state
        .iter()
        .filter(|(name, tensor)| is_statistic(name) && tensor.kind() == Kind::Float)
        .map(|(name, tensor)| (name.to_string(), tensor.shallow_clone()))
        .collect();
    let counters: Vec<Tensor> = network
        .state
        .iter()
        .filter(|(name, tensor)| is_statistic(name) && tensor.kind() != Kind::Float)
        .map(|(_, tensor)| tensor.shallow_clone())
        .collect();
    let after = |images: &Tensor, start: f64| -> Result<Vec<Tensor>> {
        for (_, tensor) in &statistics {
            let _ = tensor.shallow_clone().f_fill_(start)?;
        }
        let _ = model.forward(images, BatchNorm::Train)?;
        statistics.iter().map(|(_, tensor)| Ok(tensor.f_detach_copy()?)).collect()
    };
    let mut sums: Vec<Tensor> =
        statistics.iter().map(|(_, tensor)| tensor.f_zeros_like()).collect::<std::result::Result<_, _>>()?;
    let (mut at, mut batches) = (0, 0.0);
    while at < data.len() {
        control.check()?;
        let indices: Vec<i64> = (at..(at + BATCH).min(data.len())).collect();
        let images = data.batch(&indices)?.0.f_to_device(compute.device)?;
        let counts: Vec<Tensor> = counters.iter().map(Tensor::f_detach_copy).collect::<std::result::Result<_, _>>()?;
        let from_one = after(&images, 1.0)?;
        for (counter, count) in counters.iter().zip(&counts) {
            counter.shallow_clone().f_copy_(count)?;
        }
        let from_zero = after(&images, 0.0)?;
        for (((name, _), sum), (one, zero)) in statistics.iter().zip(&mut sums).zip(from_one.iter().zip(&from_zero)) {
            let momentum = 1.0 - f64::try_from(&one.f_sub(zero)?.f_mean(Kind::Double)?)?;
            if momentum < 1e-4 {
                let rule =
                    "is not moved by the program in train mode (a traced module, or one without running statistics), \
                            so it cannot be re-estimated; choose BATCH_NORM_MODE_FREEZE";
                return Err(EngineError::invalid("spec.batchNorm", name, rule));
            }
            let _ = sum.f_add_(&zero.f_div_scalar(momentum)?)?;
        }
        at += BATCH;
        batches += 1.0;
    }
    for ((_, tensor), sum) in statistics.iter().zip(&sums) {
        tensor.shallow_clone().f_copy_(&sum.f_div_scalar(batches)?)?;
    }
    network.to_device(Device::Cpu)
}
