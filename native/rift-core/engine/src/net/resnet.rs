//! ResNet-18 and ResNet-34 in the 3×3-stem form for 32- and 64-pixel images (He et al. 2016): stem of `width` channels,
//! four stages of `width`·{1, 2, 4, 8} channels with strides 1, 2, 2, 2, post-activation basic blocks, average pool of
//! 4×4, linear head.

use super::graph::{NodeId, Op};
use super::zoo::{Builder, Shape, MOMENTUM};

/// Appends a ResNet with `blocks` basic blocks per stage.
pub fn build(b: &mut Builder, shape: &Shape, blocks: [i64; 4]) {
    let stem = b.conv("conv1", b.input, [3, shape.width, 3, 1, 1]);
    let stem = b.batch_norm("bn1", stem, shape.width, MOMENTUM);
    let mut x = b.relu(stem);
    let mut channels = shape.width;
    for (stage, count) in blocks.into_iter().enumerate() {
        let outputs = shape.width << stage;
        for block in 0..count {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            x = basic_block(b, &format!("layer{}.{block}", stage + 1), x, [channels, outputs, stride]);
            channels = outputs;
        }
    }
    // Three stages halve the side: the 4x4 pool leaves (size / 32)^2 positions.
    let positions = (shape.input_size / 32).pow(2);
    b.head("linear", x, 4, channels * positions, shape.classes);
}

fn basic_block(b: &mut Builder, name: &str, x: NodeId, [inputs, outputs, stride]: [i64; 3]) -> NodeId {
    let first = b.conv(&format!("{name}.conv1"), x, [inputs, outputs, 3, stride, 1]);
    let first = b.batch_norm(&format!("{name}.bn1"), first, outputs, MOMENTUM);
    let first = b.relu(first);
    let second = b.conv(&format!("{name}.conv2"), first, [outputs, outputs, 3, 1, 1]);
    let second = b.batch_norm(&format!("{name}.bn2"), second, outputs, MOMENTUM);
    let shortcut = if stride != 1 || inputs != outputs {
        let projected = b.conv(&format!("{name}.shortcut.0"), x, [inputs, outputs, 1, stride, 0]);
        b.batch_norm(&format!("{name}.shortcut.1"), projected, outputs, MOMENTUM)
    } else {
        x
    };
    let sum = b.graph.push(Op::Add, &[second, shortcut]);
    b.relu(sum)
}
