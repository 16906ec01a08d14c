//! Exponential moving average of the weights: w̄ ← d·w̄ + (1 − d)·w after every step, with the decay ramped as
//! min(d, (1 + t)/(10 + t)) so that the first steps do not weigh for ever. Running statistics are averaged alike;
//! counters are copied.

use tch::Kind;

use crate::checkpoint::StateDict;
use crate::error::Result;

/// Moves `average` towards `state` after step `step` (from 0).
pub fn update(average: &StateDict, state: &StateDict, decay: f64, step: u64) -> Result<()> {
    let decay = decay.min((1.0 + step as f64) / (10.0 + step as f64));
    let _guard = tch::no_grad_guard();
    for (name, tensor) in state.iter() {
        let mut mean = average.require(name)?.shallow_clone();
        if tensor.f_kind()? == Kind::Float {
            let _ = mean.f_lerp_(&tensor.f_detach()?, 1.0 - decay)?;
        } else {
            mean.f_copy_(tensor)?;
        }
    }
    Ok(())
}
