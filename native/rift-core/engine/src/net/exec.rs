//! Runs a graph over bound tensors. The same executor serves training (parameters that require gradients, batch norm in
//! train mode), criticality (a prefix is cached, a suffix is run again) and attacks (folded, half precision).

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use super::graph::{Graph, NodeId, Op};
use crate::checkpoint::StateDict;
use crate::error::{EngineError, Result};

/// What batch norm does in a forward pass; an argument, so that nothing needs restoring.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BatchNorm {
    /// Running statistics normalise and stay.
    Eval,
    /// Batch statistics normalise and move the running ones.
    Train,
    /// Batch statistics normalise; the running ones stay.
    TrainUntracked,
}

/// Layout and number format of the activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// Number format between the input and the logits; logits are always float32.
    pub kind: Kind,
    /// Whether activations lie channels-last in memory.
    pub channels_last: bool,
}

impl Format {
    /// float32, PyTorch's default layout.
    pub const PLAIN: Self = Self { kind: Kind::Float, channels_last: false };
}

/// Values of nodes that later nodes still read.
pub type Values = HashMap<NodeId, Tensor>;

/// What a forward pass is given.
struct Pass<'a> {
    images: Option<&'a Tensor>,
    mode: BatchNorm,
    cached_below: NodeId,
    weights: &'a HashMap<NodeId, Tensor>,
}

enum Bound {
    Input,
    Normalize {
        mean: Tensor,
        inverse_std: Tensor,
    },
    Conv2d {
        weight: Tensor,
        bias: Option<Tensor>,
        stride: i64,
        padding: [i64; 4],
    },
    BatchNorm2d {
        weight: Tensor,
        bias: Tensor,
        mean: Tensor,
        var: Tensor,
        counter: Option<Tensor>,
        eps: f64,
        momentum: f64,
    },
    Relu {
        in_place: bool,
    },
    Silu,
    Add {
        in_place: Option<usize>,
    },
    AvgPool2d {
        kernel: i64,
    },
    Flatten,
    Linear {
        weight: Tensor,
        bias: Option<Tensor>,
    },
    Affine {
        scale: Tensor,
        shift: Tensor,
    },
}

/// A graph whose nodes hold their tensors (shared with the state they were bound from).
pub struct Executor {
    graph: Graph,
    bound: Vec<Bound>,
    last_use: Vec<NodeId>,
    format: Format,
}

impl Executor {
    /// Binds `graph` to the tensors of `state`. Weights are used as they are: a caller that wants another format
    /// converts the state first ([`super::passes`]), except that training keeps float32 weights and converts at use.
    pub fn bind(graph: &Graph, state: &StateDict, format: Format) -> Result<Self> {
        let uses = graph.uses();
        let mut last_use = vec![usize::MAX; graph.nodes.len()];
        for (id, node) in graph.nodes.iter().enumerate() {
            for input in &node.inputs {
                last_use[*input] = id;
            }
        }
        let device = state.iter().next().map_or(Device::Cpu, |(_, tensor)| tensor.device());
        let take = |name: &str| state.require(name).map(Tensor::shallow_clone);
        let optional = |name: &Option<String>| name.as_deref().map(take).transpose();
        let fresh = |id: NodeId| {
            let own = matches!(graph.nodes[id].op, Op::Conv2d { .. } | Op::BatchNorm2d { .. } | Op::Affine { .. });
            uses[id] == 1 && own
        };
        let mut bound = Vec::with_capacity(graph.nodes.len());
        for node in &graph.nodes {
            bound.push(match &node.op {
                Op::Input => Bound::Input,
                Op::Normalize { mean, std } => {
                    let inverse: Vec<f64> = std.iter().map(|value| 1.0 / value).collect();
                    Bound::Normalize { mean: channelwise(mean, device)?, inverse_std: channelwise(&inverse, device)? }
                }
                Op::Conv2d { weight, bias, stride, padding } => {
                    Bound::Conv2d { weight: take(weight)?, bias: optional(bias)?, stride: *stride, padding: *padding }
                }
                Op::BatchNorm2d { prefix, eps, momentum } => Bound::BatchNorm2d {
                    weight: take(&format!("{prefix}.weight"))?,
                    bias: take(&format!("{prefix}.bias"))?,
                    mean: take(&format!("{prefix}.running_mean"))?,
                    var: take(&format!("{prefix}.running_var"))?,
                    counter: state.get(&format!("{prefix}.num_batches_tracked")).map(Tensor::shallow_clone),
                    eps: *eps,
                    momentum: *momentum,
                },
                Op::Relu => {
                    let source = node.inputs[0];
                    Bound::Relu { in_place: fresh(source) || (uses[source] == 1 && graph.nodes[source].op == Op::Add) }
                }
                Op::Silu => Bound::Silu,
                Op::Add => Bound::Add { in_place: node.inputs.iter().position(|input| fresh(*input)) },
                Op::AvgPool2d { kernel } => Bound::AvgPool2d { kernel: *kernel },
                Op::Flatten => Bound::Flatten,
                Op::Linear { weight, bias } => Bound::Linear { weight: take(weight)?, bias: optional(bias)? },
                Op::Affine { scale, shift } => Bound::Affine { scale: take(scale)?, shift: take(shift)? },
            });
        }
        Ok(Self { graph: graph.clone(), bound, last_use, format })
    }

    /// The graph that is run.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Logits (float32, [N, classes]) of float32 images in [0,1]; differentiable in the images and in bound weights.
    pub fn forward(&self, images: &Tensor, mode: BatchNorm) -> Result<Tensor> {
        let pass = Pass { images: Some(images), mode, cached_below: 0, weights: &HashMap::new() };
        self.run(0, HashMap::new(), &pass)
    }

    /// Values that the nodes from `to` on need, given those that the nodes from `from` on need (none when `from` is 0),
    /// in evaluation mode: a prefix to be kept and run on from. Modules of rising depth share it.
    pub fn advance(&self, images: &Tensor, values: Values, from: NodeId, to: NodeId) -> Result<Values> {
        let pass = Pass { images: Some(images), mode: BatchNorm::Eval, cached_below: 0, weights: &HashMap::new() };
        let mut values = values;
        for id in from..to {
            let value = self.step(id, &values, &pass)?;
            values.insert(id, value);
            self.forget(id, &mut values);
        }
        Ok(values)
    }

    /// Logits in evaluation mode from the values of [`Executor::advance`] at `cut`, with other weights at some
    /// convolutions or linear layers. The values stay as they are.
    pub fn suffix(&self, values: &Values, cut: NodeId, weights: &HashMap<NodeId, Tensor>) -> Result<Tensor> {
        let values = values.iter().map(|(id, value)| (*id, value.shallow_clone())).collect();
        self.run(cut, values, &Pass { images: None, mode: BatchNorm::Eval, cached_below: cut, weights })
    }

    fn run(&self, start: NodeId, mut values: Values, pass: &Pass<'_>) -> Result<Tensor> {
        for id in start..self.bound.len() {
            let value = self.step(id, &values, pass)?;
            values.insert(id, value);
            self.forget(id, &mut values);
        }
        let logits = values
            .remove(&(self.bound.len() - 1))
            .ok_or_else(|| EngineError::Internal("a graph without nodes was run".into()))?;
        Ok(logits.f_to_kind(Kind::Float)?)
    }

    /// Drops the inputs of `id` that nothing later reads.
    fn forget(&self, id: NodeId, values: &mut HashMap<NodeId, Tensor>) {
        for input in &self.graph.nodes[id].inputs {
            if self.last_use[*input] == id {
                values.remove(input);
            }
        }
    }

    /// Computes node `id`. Values from below `pass.cached_below` belong to the caller and are never overwritten.
    fn step(&self, id: NodeId, values: &Values, pass: &Pass<'_>) -> Result<Tensor> {
        let own = |at: usize| self.graph.nodes[id].inputs[at] >= pass.cached_below;
        let input = |at: usize| {
            values
                .get(&self.graph.nodes[id].inputs[at])
                .ok_or_else(|| EngineError::Internal(format!("node {id} was run before its input")))
        };
        Ok(match &self.bound[id] {
            Bound::Input => {
                let images = pass.images.ok_or_else(|| EngineError::Internal("a prefix lacks the images".into()))?;
                if matches!(self.bound.get(1), Some(Bound::Normalize { .. })) {
                    images.shallow_clone()
                } else {
                    self.enter(images)?
                }
            }
            // In float32 before the cast: pixels differ by 1/255, which half precision would blur.
            Bound::Normalize { mean, inverse_std } => self.enter(&input(0)?.f_sub(mean)?.f_mul(inverse_std)?)?,
            Bound::Conv2d { weight, bias, stride, padding } => {
                let [left, right, top, bottom] = *padding;
                let weight = pass.weights.get(&id).unwrap_or(weight).f_to_kind(self.format.kind)?;
                let bias = bias.as_ref().map(|bias| bias.f_to_kind(self.format.kind)).transpose()?;
                if left == right && top == bottom {
                    input(0)?.f_conv2d(&weight, bias, [*stride, *stride], [top, left], [1, 1], 1)?
                } else {
                    let padded = input(0)?.f_constant_pad_nd([left, right, top, bottom])?;
                    padded.f_conv2d(&weight, bias, [*stride, *stride], [0, 0], [1, 1], 1)?
                }
            }
            Bound::BatchNorm2d { weight, bias, mean, var, counter, eps, momentum } => {
                let track = pass.mode == BatchNorm::Train;
                if let (true, Some(counter)) = (track, counter) {
                    let _ = tch::no_grad(|| counter.shallow_clone().f_add_scalar_(1))?;
                }
                let running = (pass.mode != BatchNorm::TrainUntracked).then_some((mean, var));
                input(0)?.f_batch_norm(
                    Some(weight),
                    Some(bias),
                    running.map(|r| r.0),
                    running.map(|r| r.1),
                    pass.mode != BatchNorm::Eval,
                    *momentum,
                    *eps,
                    true,
                )?
            }
            Bound::Relu { in_place: true } if own(0) => input(0)?.shallow_clone().f_relu_()?,
            Bound::Relu { .. } => input(0)?.f_relu()?,
            Bound::Silu => input(0)?.f_silu()?,
            Bound::Add { in_place: Some(at) } if own(*at) => input(*at)?.shallow_clone().f_add_(input(1 - at)?)?,
            Bound::Add { .. } => input(0)?.f_add(input(1)?)?,
            Bound::AvgPool2d { kernel } => {
                // The head runs in float32: rounded logits would tie, and attacks compare them.
                let features = input(0)?.f_to_kind(Kind::Float)?;
                features.f_avg_pool2d([*kernel, *kernel], [*kernel, *kernel], [0, 0], false, true, None)?
            }
            Bound::Flatten => input(0)?.f_flatten(1, -1)?,
            Bound::Linear { weight, bias } => {
                let bias = bias.as_ref().map(|bias| bias.f_to_kind(Kind::Float)).transpose()?;
                let weight = pass.weights.get(&id).unwrap_or(weight).f_to_kind(Kind::Float)?;
                input(0)?.f_to_kind(Kind::Float)?.f_linear(&weight, bias)?
            }
            Bound::Affine { scale, shift } => {
                // One pass and, in half precision, one rounding.
                shift.f_view([1, -1, 1, 1])?.f_addcmul(input(0)?, &scale.f_view([1, -1, 1, 1])?)?
            }
        })
    }

    /// Brings float32 [N, C, H, W] into the executor's layout and number format.
    fn enter(&self, x: &Tensor) -> Result<Tensor> {
        let x = x.f_to_kind(self.format.kind)?;
        if self.format.channels_last {
            channels_last(&x)
        } else {
            Ok(x)
        }
    }
}

/// The same 4-d tensor with channels innermost in memory.
pub fn channels_last(x: &Tensor) -> Result<Tensor> {
    Ok(x.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_permute([0, 3, 1, 2])?)
}

/// One value per channel, shaped to act on [N, C, H, W].
pub fn channelwise(values: &[f64], device: Device) -> Result<Tensor> {
    let tensor = Tensor::f_from_slice(values)?.f_to_kind(Kind::Float)?.f_to_device(device)?;
    Ok(tensor.f_view([1, -1, 1, 1])?)
}
