//! Wide residual networks (Zagoruyko & Komodakis 2016) in the two forms in which robust ones are published. The ReLU form
//! of TRADES and RiFT calls its parts `block1.layer.0.conv1`, `fc`. The SiLU form of Gowal et al. 2020, which SCORE and
//! Wang et al. 2023 train, calls them `layer.0.block.0.conv_0`, `logits`, moves running statistics by .01 and pads
//! strided convolutions on the right and bottom only, as TensorFlow's SAME does. In both, a block that changes the number of
//! channels takes its shortcut from the activated input.

use super::graph::{Init, NodeId, Op};
use super::zoo::{Builder, Shape, MOMENTUM};

/// Momentum of batch norm in the SiLU form.
const SLOW_MOMENTUM: f64 = 0.01;

/// Which of the two forms.
#[derive(Clone, Copy, PartialEq)]
pub enum Form {
    /// As TRADES, MART, AWP and RiFT have it.
    Relu,
    /// As SCORE and Wang et al. have it.
    Silu,
}

/// Names of a block's parts, in PyTorch's order.
struct Names {
    norms: [&'static str; 2],
    convs: [&'static str; 2],
    shortcut: &'static str,
}

impl Form {
    fn names(self) -> Names {
        match self {
            Self::Relu => Names { norms: ["bn1", "bn2"], convs: ["conv1", "conv2"], shortcut: "convShortcut" },
            Self::Silu => {
                Names { norms: ["batchnorm_0", "batchnorm_1"], convs: ["conv_0", "conv_1"], shortcut: "shortcut" }
            }
        }
    }

    fn group(self, index: usize) -> String {
        match self {
            Self::Relu => format!("block{}.layer", index + 1),
            Self::Silu => format!("layer.{index}.block"),
        }
    }

    /// Batch norm and activation.
    fn activate(self, b: &mut Builder, name: &str, from: NodeId, channels: i64) -> NodeId {
        match self {
            Self::Relu => {
                let normal = b.batch_norm(name, from, channels, MOMENTUM);
                b.relu(normal)
            }
            Self::Silu => {
                let normal = b.batch_norm(name, from, channels, SLOW_MOMENTUM);
                b.graph.push(Op::Silu, &[normal])
            }
        }
    }
}

/// Appends a WRN of `depth` layers, `widen` times as wide as its stem.
pub fn build(b: &mut Builder, shape: &Shape, depth: i64, widen: i64, form: Form) {
    let (stem, norm, head) = match form {
        Form::Relu => ("conv1", "bn1", "fc"),
        Form::Silu => ("init_conv", "batchnorm", "logits"),
    };
    let mut x = conv(b, stem, b.input, [3, shape.width, 3, 1], Form::Relu);
    let mut channels = shape.width;
    for group in 0..3_usize {
        let outputs = (shape.width * widen) << group;
        for at in 0..(depth - 4) / 6 {
            let stride = if group > 0 && at == 0 { 2 } else { 1 };
            x = block(b, &format!("{}.{at}", form.group(group)), x, [channels, outputs, stride], form);
            channels = outputs;
        }
    }
    let active = form.activate(b, norm, x, channels);
    // Two groups halve the side: the 8x8 pool leaves (size / 32)^2 positions.
    let positions = (shape.input_size / 32).pow(2);
    b.head(head, active, 8, channels * positions, shape.classes);
    b.set_init(&format!("{head}.bias"), Init::Constant(0.0));
}

fn block(b: &mut Builder, name: &str, x: NodeId, [inputs, outputs, stride]: [i64; 3], form: Form) -> NodeId {
    let Names { norms, convs, shortcut } = form.names();
    let active = form.activate(b, &format!("{name}.{}", norms[0]), x, inputs);
    let first = conv(b, &format!("{name}.{}", convs[0]), active, [inputs, outputs, 3, stride], form);
    let second = form.activate(b, &format!("{name}.{}", norms[1]), first, outputs);
    let second = conv(b, &format!("{name}.{}", convs[1]), second, [outputs, outputs, 3, 1], form);
    let skip = if inputs == outputs {
        x
    } else {
        conv(b, &format!("{name}.{shortcut}"), active, [inputs, outputs, 1, stride], form)
    };
    b.graph.push(Op::Add, &[second, skip])
}

/// A convolution that keeps or halves the side, its weights drawn from N(0, 2/(k²·outputs)).
fn conv(b: &mut Builder, name: &str, from: NodeId, [inputs, outputs, kernel, stride]: [i64; 4], form: Form) -> NodeId {
    let padding = match (form, kernel, stride) {
        (_, 1, _) => [0; 4],
        (Form::Silu, _, 2) => [0, 1, 0, 1],
        _ => [kernel / 2; 4],
    };
    let node = b.padded_conv(name, from, [inputs, outputs, kernel, stride], padding);
    let std = (2.0 / (kernel * kernel * outputs) as f64).sqrt();
    b.set_init(&format!("{name}.weight"), Init::Normal { std });
    node
}
