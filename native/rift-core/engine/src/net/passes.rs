//! Rewrites of a network that keep what it computes: folding of batch norm into the convolution before it, conversion
//! of weights to another number format, layout and device.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::exec::channels_last;
use super::graph::{Graph, Node, NodeId, Op};
use crate::checkpoint::StateDict;
use crate::error::Result;

/// A network without batch norm.
pub struct Folded {
    /// Operators.
    pub graph: Graph,
    /// Tensors of the operators.
    pub state: StateDict,
    /// For each weight that took up a batch norm: the factor of each output channel, so that the folded weight is
    /// factor · weight.
    pub scales: HashMap<String, Tensor>,
}

/// Folds every batch norm, as evaluation mode computes it. A batch norm that alone reads a convolution disappears into
/// its weight and a new bias; any other becomes a channel-wise [`Op::Affine`].
pub fn fold_batch_norm(graph: &Graph, state: &StateDict) -> Result<Folded> {
    let uses = graph.uses();
    let mut scales = HashMap::new();
    let mut folded = Graph::default();
    let mut tensors = StateDict::new();
    let mut place: Vec<NodeId> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let inputs: Vec<NodeId> = node.inputs.iter().map(|input| place[*input]).collect();
        let Op::BatchNorm2d { prefix, eps, .. } = &node.op else {
            for name in names(&node.op) {
                tensors.insert(name, state.require(name)?.f_detach()?);
            }
            place.push(folded.push(node.op.clone(), &inputs));
            continue;
        };
        let part = |name: &str| state.require(&format!("{prefix}.{name}")).and_then(|t| Ok(t.f_detach()?));
        let scale = part("weight")?.f_div(&part("running_var")?.f_add_scalar(*eps)?.f_sqrt()?)?;
        let shift = part("bias")?.f_sub(&part("running_mean")?.f_mul(&scale)?)?;
        let source = inputs[0];
        if let (1, Node { op: Op::Conv2d { weight, bias, .. }, .. }) = (uses[node.inputs[0]], &mut folded.nodes[source])
        {
            scales.insert(weight.clone(), scale.shallow_clone());
            let scaled = tensors.require(weight)?.f_mul(&scale.f_view([-1, 1, 1, 1])?)?;
            tensors.insert(weight.clone(), scaled);
            let name = bias.clone().unwrap_or_else(|| format!("{}bias", weight.trim_end_matches("weight")));
            let shift = match tensors.get(&name) {
                Some(old) => shift.f_add(&old.f_mul(&scale)?)?,
                None => shift,
            };
            tensors.insert(name.clone(), shift);
            *bias = Some(name);
            place.push(source);
        } else {
            let (scale_name, shift_name) = (format!("{prefix}.scale"), format!("{prefix}.shift"));
            tensors.insert(scale_name.clone(), scale);
            tensors.insert(shift_name.clone(), shift);
            place.push(folded.push(Op::Affine { scale: scale_name, shift: shift_name }, &inputs));
        }
    }
    Ok(Folded { graph: folded, state: tensors, scales })
}

/// Every floating-point tensor converted to `kind`, convolution weights laid channels-last when asked, all on `device`.
pub fn convert(state: &StateDict, kind: Kind, last: bool, device: Device) -> Result<StateDict> {
    state
        .iter()
        .map(|(name, tensor)| {
            let float = matches!(tensor.f_kind()?, Kind::Float | Kind::Double | Kind::Half | Kind::BFloat16);
            let tensor: Tensor = if float { tensor.f_detach()?.f_to_kind(kind)? } else { tensor.f_detach()? };
            let tensor = tensor.f_to_device(device)?;
            let tensor = if last && tensor.dim() == 4 { channels_last(&tensor)? } else { tensor };
            Ok((name.to_string(), tensor))
        })
        .collect()
}

/// Names of the tensors an operator other than batch norm reads.
fn names(op: &Op) -> Vec<&str> {
    match op {
        Op::Conv2d { weight, bias, .. } | Op::Linear { weight, bias } => {
            std::iter::once(weight.as_str()).chain(bias.as_deref()).collect()
        }
        Op::Affine { scale, shift } => vec![scale, shift],
        _ => Vec::new(),
    }
}
