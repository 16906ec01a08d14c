//! Architectures by name, with PyTorch's parameter names (docs/method.md lists shapes and parameter counts).

use super::graph::{Graph, Init, NodeId, Op, TensorSpec};
use super::wide::Form;
use super::{preact, resnet, wide};
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
pub const ARCHITECTURES: [&str; 6] =
    ["resnet18", "resnet34", "preact-resnet18", "wrn-28-10", "wrn-34-10", "wrn-28-10-silu"];

/// PyTorch's default share of a new batch in the running statistics of batch norm.
pub const MOMENTUM: f64 = 0.1;

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
        "preact-resnet18" => preact::build(&mut builder, shape, [2, 2, 2, 2]),
        "wrn-28-10" => wide::build(&mut builder, shape, 28, 10, Form::Relu),
        "wrn-34-10" => wide::build(&mut builder, shape, 34, 10, Form::Relu),
        "wrn-28-10-silu" => wide::build(&mut builder, shape, 28, 10, Form::Silu),
        _ => {
            let known: Vec<String> = ARCHITECTURES.iter().map(ToString::to_string).collect();
            return Err(EngineError::unknown("architecture", arch, &known));
        }
    }
    Ok(builder.graph)
}

/// Channels of the first stage in the published form of `arch`.
pub fn default_width(arch: &str) -> i64 {
    if arch.starts_with("wrn-") {
        16
    } else {
        64
    }
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
        self.padded_conv(name, from, [inputs, outputs, kernel, stride], [padding; 4])
    }

    /// Square convolution without bias, zeros added on the left, right, top and bottom.
    pub fn padded_conv(
        &mut self, name: &str, from: NodeId, [inputs, outputs, kernel, stride]: [i64; 4], padding: [i64; 4],
    ) -> NodeId {
        let weight = format!("{name}.weight");
        let init = Init::KaimingUniform { fan_in: inputs * kernel * kernel };
        self.declare(weight.clone(), &[outputs, inputs, kernel, kernel], init, true);
        self.graph.push(Op::Conv2d { weight, bias: None, stride, padding }, &[from])
    }

    /// Replaces how the tensor declared as `name` is drawn.
    pub fn set_init(&mut self, name: &str, init: Init) {
        if let Some(spec) = self.graph.tensors.iter_mut().find(|spec| spec.name == name) {
            spec.init = init;
        }
    }

    /// Batch norm with PyTorch's default eps of 1e-5.
    pub fn batch_norm(&mut self, name: &str, from: NodeId, channels: i64, momentum: f64) -> NodeId {
        for (part, value, trainable) in
            [("weight", 1.0, true), ("bias", 0.0, true), ("running_mean", 0.0, false), ("running_var", 1.0, false)]
        {
            self.declare(format!("{name}.{part}"), &[channels], Init::Constant(value), trainable);
        }
        self.declare(format!("{name}.num_batches_tracked"), &[], Init::Constant(0.0), false);
        self.graph.push(Op::BatchNorm2d { prefix: name.into(), eps: 1e-5, momentum }, &[from])
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
