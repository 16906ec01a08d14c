//! The parameters that training moves.

use tch::Tensor;

use super::inputs::Tuning;
use crate::checkpoint::StateDict;
use crate::error::Result;
use crate::net::Network;

/// A parameter that moves: a leaf that requires gradients and shares its storage with the network's state.
#[derive(Debug)]
pub struct Parameter {
    /// PyTorch's name.
    pub name: String,
    /// Its values.
    pub tensor: Tensor,
    /// Whether weight decay acts on it.
    pub decays: bool,
}

/// Parameters of `network` that move, as leaves that replace the tensors of its state.
pub fn trainable(network: &mut Network, tuning: Option<&Tuning>, spare_batch_norm: bool) -> Result<Vec<Parameter>> {
    let named = network.graph.tensors.iter().filter_map(|spec| spec.name.strip_suffix("running_mean"));
    let norms: Vec<String> = named.map(str::to_string).collect();
    let is_script = network.script().is_some();
    let mut leaves = Vec::new();
    for spec in &network.graph.tensors {
        let own = network.state.require(&spec.name)?;
        // A program computes with its own tensors and knows no others.
        let tensor = if is_script { own.f_set_requires_grad(false)? } else { own.f_detach()? };
        let moves = tuning.is_none_or(|t| t.parameters.is_empty() || t.parameters.contains(&spec.name));
        if spec.trainable && moves {
            let leaf = tensor.f_set_requires_grad(true)?;
            let spared = spare_batch_norm && norms.iter().any(|prefix| spec.name.starts_with(prefix));
            leaves.push(Parameter { name: spec.name.clone(), tensor: leaf.shallow_clone(), decays: !spared });
            network.state.insert(&spec.name, leaf);
        } else {
            network.state.insert(&spec.name, tensor);
        }
    }
    Ok(leaves)
}

/// Projects each parameter onto the ball round its starting value (Theorem 3.1 holds inside it).
pub fn stay_near(anchor: &StateDict, parameters: &[Parameter], share: f64) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for Parameter { name, tensor, .. } in parameters {
        let start = anchor.require(name)?.f_to_device(tensor.device())?;
        let radius = share * f64::try_from(&start.f_norm()?)?;
        let change = tensor.f_sub(&start)?;
        let size = f64::try_from(&change.f_norm()?)?;
        if size > radius {
            tensor.shallow_clone().f_copy_(&start.f_add(&change.f_mul_scalar(radius / size)?)?)?;
        }
    }
    Ok(())
}
