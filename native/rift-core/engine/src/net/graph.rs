//! A network is a list of operators in forward order. Passes rewrite the list; executors run it.

use serde::{Deserialize, Serialize};

/// Position of a node in [`Graph::nodes`]; inputs always come before their users.
pub type NodeId = usize;

/// One operator. Tensors are named as in PyTorch's `state_dict()`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Op {
    /// Images in [0,1], shape [N, 3, H, W].
    Input,
    /// (x − mean) ÷ standard deviation per channel.
    Normalize {
        /// Mean of each channel.
        mean: Vec<f64>,
        /// Standard deviation of each channel.
        std: Vec<f64>,
    },
    /// 2-d convolution.
    Conv2d {
        /// Name of the weight, shape [out, in, k, k].
        weight: String,
        /// Name of the bias, when there is one.
        bias: Option<String>,
        /// Stride in both directions.
        stride: i64,
        /// Zeros added on the left, right, top and bottom.
        padding: [i64; 4],
    },
    /// Batch normalisation with running statistics; `prefix` names weight, bias, `running_mean`, `running_var`.
    BatchNorm2d {
        /// Name without the last part.
        prefix: String,
        /// Added to the variance.
        eps: f64,
        /// Share of the new batch's statistics in the running ones.
        momentum: f64,
    },
    /// max(x, 0).
    Relu,
    /// x · sigmoid(x).
    Silu,
    /// Sum of two tensors of one shape.
    Add,
    /// Average over k×k windows without overlap.
    AvgPool2d {
        /// Side of the window.
        kernel: i64,
    },
    /// [N, C, H, W] to [N, C·H·W].
    Flatten,
    /// x·Wᵀ + b.
    Linear {
        /// Name of the weight, shape [out, in].
        weight: String,
        /// Name of the bias, when there is one.
        bias: Option<String>,
    },
    /// Channel-wise x·scale + shift, left behind by folding a batch norm that no convolution precedes.
    Affine {
        /// Name of the scale, shape [C].
        scale: String,
        /// Name of the shift, shape [C].
        shift: String,
    },
}

/// An operator and where its inputs come from.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Node {
    /// What is computed.
    pub op: Op,
    /// The nodes it reads.
    pub inputs: Vec<NodeId>,
}

/// How the first values of a parameter or buffer are drawn.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Init {
    /// PyTorch's default for convolution and linear weights and biases: U(−1/√fan_in, 1/√fan_in).
    KaimingUniform {
        /// Inputs of one output.
        fan_in: i64,
    },
    /// N(0, std²).
    Normal {
        /// Standard deviation.
        std: f64,
    },
    /// A constant.
    Constant(f64),
}

/// A tensor that the network owns.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorSpec {
    /// PyTorch's name.
    pub name: String,
    /// Shape; empty for the step counter of batch norm.
    pub shape: Vec<i64>,
    /// First value.
    pub init: Init,
    /// False for running statistics and counters.
    pub trainable: bool,
}

/// Operators in forward order and the tensors they use; the last node is the output (logits, [N, classes]).
#[derive(Debug, Clone, Default)]
pub struct Graph {
    /// Operators.
    pub nodes: Vec<Node>,
    /// Parameters and buffers in PyTorch's order.
    pub tensors: Vec<TensorSpec>,
}

impl Graph {
    /// Appends an operator and returns its id.
    pub fn push(&mut self, op: Op, inputs: &[NodeId]) -> NodeId {
        self.nodes.push(Node { op, inputs: inputs.to_vec() });
        self.nodes.len() - 1
    }

    /// How often each node is read; the output counts one more.
    pub fn uses(&self) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        for node in &self.nodes {
            for input in &node.inputs {
                uses[*input] += 1;
            }
        }
        if let Some(last) = uses.last_mut() {
            *last += 1;
        }
        uses
    }

    /// Nodes below `cut` that nodes from `cut` on read: what a prefix cache has to keep. Ascending.
    pub fn live_at(&self, cut: NodeId) -> Vec<NodeId> {
        let mut live: Vec<NodeId> = self.nodes[cut..]
            .iter()
            .flat_map(|node| node.inputs.iter().copied())
            .filter(|input| *input < cut)
            .collect();
        live.sort_unstable();
        live.dedup();
        live
    }

    /// Modules of the network in forward order: (name without `.weight`, node).
    pub fn modules(&self) -> Vec<(String, NodeId)> {
        self.nodes
            .iter()
            .enumerate()
            .filter_map(|(id, node)| match &node.op {
                Op::Conv2d { weight, .. } | Op::Linear { weight, .. } => {
                    Some((weight.trim_end_matches(".weight").to_string(), id))
                }
                _ => None,
            })
            .collect()
    }
}
