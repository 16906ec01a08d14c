//! Exponential moving average of the weights: w̄ ← d·w̄ + (1 − d)·w after every step, with the decay ramped as
//! min(d, (1 + t)/(10 + t)) so that the first steps do not weigh for ever. During a warm-up the average is a copy, and t
//! counts from its end. Running statistics are averaged alike, or copied once an epoch; counters are copied.

use tch::Kind;

use crate::checkpoint::StateDict;
use crate::error::Result;
use crate::net::Network;
use crate::spec::TrainSpec;

/// Decay of step `step` (from 0) of `total`.
pub fn decay_at(spec: &TrainSpec, step: u64, total: u64) -> f64 {
    let since = step as f64 - (spec.ema_warmup * total as f64).floor();
    if since < 0.0 {
        return 0.0;
    }
    spec.ema_decay.min((1.0 + since) / (10.0 + since))
}

/// Moves `average` towards the weights of `network`.
pub fn update(average: &StateDict, network: &Network, decay: f64, spec: &TrainSpec) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for entry in &network.graph.tensors {
        if !entry.trainable && spec.ema_copies_statistics {
            continue;
        }
        let tensor = network.state.require(&entry.name)?;
        let mut mean = average.require(&entry.name)?.shallow_clone();
        if tensor.f_kind()? == Kind::Float {
            let _ = mean.f_lerp_(&tensor.f_detach()?, 1.0 - decay)?;
        } else {
            mean.f_copy_(tensor)?;
        }
    }
    Ok(())
}

/// Copies the running statistics and counters of `network` into `average`.
pub fn copy_statistics(average: &StateDict, network: &Network) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for entry in network.graph.tensors.iter().filter(|entry| !entry.trainable) {
        average.require(&entry.name)?.shallow_clone().f_copy_(network.state.require(&entry.name)?)?;
    }
    Ok(())
}
