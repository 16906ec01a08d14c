//! PreAct-ResNet-18 in the 3×3-stem form (He et al. 2016, "Identity Mappings"), with the batch norm before the head of Rice
//! et al. 2020: batch norm and ReLU before each convolution, the shortcut of a block that changes shape starts after the
//! first of them.

use super::graph::{NodeId, Op};
use super::zoo::{Builder, Shape, MOMENTUM};

/// Appends a PreAct-ResNet with `blocks` basic blocks per stage.
pub fn build(b: &mut Builder, shape: &Shape, blocks: [i64; 4]) {
    let mut x = b.conv("conv1", b.input, [3, shape.width, 3, 1, 1]);
    let mut channels = shape.width;
    for (stage, count) in blocks.into_iter().enumerate() {
        let outputs = shape.width << stage;
        for at in 0..count {
            let stride = if stage > 0 && at == 0 { 2 } else { 1 };
            x = block(b, &format!("layer{}.{at}", stage + 1), x, [channels, outputs, stride]);
            channels = outputs;
        }
    }
    let last = b.batch_norm("bn", x, channels, MOMENTUM);
    let active = b.relu(last);
    let positions = (shape.input_size / 32).pow(2);
    b.head("linear", active, 4, channels * positions, shape.classes);
}

fn block(b: &mut Builder, name: &str, x: NodeId, [inputs, outputs, stride]: [i64; 3]) -> NodeId {
    let first = b.batch_norm(&format!("{name}.bn1"), x, inputs, MOMENTUM);
    let active = b.relu(first);
    let first = b.conv(&format!("{name}.conv1"), active, [inputs, outputs, 3, stride, 1]);
    let second = b.batch_norm(&format!("{name}.bn2"), first, outputs, MOMENTUM);
    let second = b.relu(second);
    let second = b.conv(&format!("{name}.conv2"), second, [outputs, outputs, 3, 1, 1]);
    let shortcut = if stride != 1 || inputs != outputs {
        b.conv(&format!("{name}.shortcut.0"), active, [inputs, outputs, 1, stride, 0])
    } else {
        x
    };
    b.graph.push(Op::Add, &[second, shortcut])
}
