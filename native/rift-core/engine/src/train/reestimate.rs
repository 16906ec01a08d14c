//! Re-estimation of batch-norm statistics: the running mean and variance become the average over the batches of the
//! given images, weights unchanged.

use crate::compute::Compute;
use crate::control::Control;
use crate::data::Dataset;
use crate::error::Result;
use crate::net::graph::Op;
use crate::net::{BatchNorm, Executor, Format, Network};

const BATCH: i64 = 256;

/// Replaces every running statistic of `network`. Equal weight to every batch: momentum 1/k at the k-th.
pub fn batch_norm(network: &mut Network, data: &Dataset, compute: &Compute, control: &Control) -> Result<()> {
    let _guard = tch::no_grad_guard();
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
