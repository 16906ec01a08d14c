//! Architectures by name, with PyTorch's parameter names (docs/method.md lists shapes and parameter counts).

use super::graph::{Graph, Init, NodeId, Op, TensorSpec};
use super::resnet;
use crate::checkpoint::Preprocess;
use crate::error::{EngineError, Result};

/// What an architecture is built for.
#[derive(Debug, Clone, PartialEq)]
pub struct Shape {
    /// Channels of the first stage.
    pub width: i64,
    /// Output classes.
    pub classes: i64,
    /// Side of the square input in pixels, a multiple of 32.
    pub input_size: i64,
}

/// Known architecture names.
pub const ARCHITECTURES: [&str; 2] = ["resnet18", "resnet34"];

/// Builds the graph of `arch`, normalisation included. Unknown names suggest the nearest.
pub fn build(arch: &str, shape: &Shape, preprocess: &Preprocess) -> Result<Graph> {
    for (field, value, rule) in [
        ("width", shape.width, (1..=1024).contains(&shape.width).then_some(()).ok_or("must be between 1 and 1024")),
        (
            "classes",
            shape.classes,
            (2..=100_000).contains(&shape.classes).then_some(()).ok_or("must be between 2 and 100000"),
        ),
        (
            "inputSize",
            shape.input_size,
            (shape.input_size % 32 == 0 && (32..=512).contains(&shape.input_size))
                .then_some(())
                .ok_or("must be a multiple of 32 between 32 and 512"),
        ),
    ] {
        rule.map_err(|rule| EngineError::invalid(field, value, rule))?;
    }
    let mut builder = Builder::new(preprocess);
    match arch {
        "resnet18" => resnet::build(&mut builder, shape, [2, 2, 2, 2]),
        "resnet34" => resnet::build(&mut builder, shape, [3, 4, 6, 3]),
        _ => {
            let known: Vec<String> = ARCHITECTURES.iter().map(ToString::to_string).collect();
            return Err(EngineError::unknown("architecture", arch, &known));
        }
    }
    Ok(builder.graph)
}

/// Channels of the first stage in the published form of `arch`.
pub fn default_width(_arch: &str) -> i64 {
    64
}

/// Appends layers and declares their tensors in PyTorch's order.
pub struct Builder {
    /// The graph so far.
    pub graph: Graph,
    /// Where the next layer reads by default.
    pub input: NodeId,
}

impl Builder {
    fn new(preprocess: &Preprocess) -> Self {
        let mut graph = Graph::default();
        let mut input = graph.push(Op::Input, &[]);
        let identity = preprocess.mean == [0.0; 3] && preprocess.std == [1.0; 3];
        if !identity {
            let op = Op::Normalize { mean: preprocess.mean.clone(), std: preprocess.std.clone() };
            input = graph.push(op, &[input]);
        }
        Self { graph, input }
    }

    fn declare(&mut self, name: String, shape: &[i64], init: Init, trainable: bool) {
        self.graph.tensors.push(TensorSpec { name, shape: shape.to_vec(), init, trainable });
    }

    /// Square convolution without bias, symmetric zero padding.
    pub fn conv(&mut self, name: &str, from: NodeId, [inputs, outputs, kernel, stride, padding]: [i64; 5]) -> NodeId {
        let weight = format!("{name}.weight");
        let init = Init::KaimingUniform { fan_in: inputs * kernel * kernel };
        self.declare(weight.clone(), &[outputs, inputs, kernel, kernel], init, true);
        self.graph.push(Op::Conv2d { weight, bias: None, stride, padding: [padding; 4] }, &[from])
    }

    /// Batch norm with PyTorch's defaults (eps 1e-5, momentum .1).
    pub fn batch_norm(&mut self, name: &str, from: NodeId, channels: i64) -> NodeId {
        for (part, value, trainable) in
            [("weight", 1.0, true), ("bias", 0.0, true), ("running_mean", 0.0, false), ("running_var", 1.0, false)]
        {
            self.declare(format!("{name}.{part}"), &[channels], Init::Constant(value), trainable);
        }
        self.declare(format!("{name}.num_batches_tracked"), &[], Init::Constant(0.0), false);
        self.graph.push(Op::BatchNorm2d { prefix: name.into(), eps: 1e-5, momentum: 0.1 }, &[from])
    }

    /// max(x, 0).
    pub fn relu(&mut self, from: NodeId) -> NodeId {
        self.graph.push(Op::Relu, &[from])
    }

    /// Average pool, flatten and linear layer with bias: the head of every network here.
    pub fn head(&mut self, name: &str, from: NodeId, kernel: i64, inputs: i64, classes: i64) -> NodeId {
        let pooled = self.graph.push(Op::AvgPool2d { kernel }, &[from]);
        let flat = self.graph.push(Op::Flatten, &[pooled]);
        let init = Init::KaimingUniform { fan_in: inputs };
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        self.declare(weight.clone(), &[classes, inputs], init, true);
        self.declare(bias.clone(), &[classes], init, true);
        self.graph.push(Op::Linear { weight, bias: Some(bias) }, &[flat])
    }
}
