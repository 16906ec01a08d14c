//! A small trained classifier of 8-pixel images, for tests of attacks.
#![allow(dead_code)]

use rift_engine::attack::{DatasetAttack, DatasetAttacked, Pair};
use rift_engine::control::Control;
use rift_engine::data::dataset::Dataset;
use rift_engine::error::Result;
use rift_engine::net::Classifier;
use rift_engine::rng;
use rift_engine::spec::{AttackKind, AttackSpec, Norm, ThreatModel};
use tch::{Device, Kind, Tensor};

pub const CLASSES: i64 = 6;
pub const SIDE: i64 = 8;

/// Two layers, 192 → 24 → 6, one product per image: a matrix product over a batch rounds differently for different
/// batch sizes, which would hide what the attacks themselves do.
pub struct Toy {
    pub first: Tensor,
    pub second: Tensor,
}

impl Classifier for Toy {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        let flat = images.f_flatten(1, -1)?.f_sub_scalar(0.5)?.f_unsqueeze(1)?;
        let count = flat.size()[0];
        let each = |weight: &Tensor| weight.f_unsqueeze(0)?.f_expand([count, -1, -1], false);
        let hidden = flat.f_bmm(&each(&self.first)?)?.f_relu()?;
        Ok(hidden.f_bmm(&each(&self.second)?)?.f_squeeze_dim(1)?)
    }

    fn device(&self) -> Device {
        Device::Cpu
    }
}

/// Noisy copies of one random template per class.
pub fn data(count: i64, seed: u64) -> Dataset {
    let labels: Vec<i64> = (0..count).map(|index| index % CLASSES).collect();
    let labels = Tensor::from_slice(&labels);
    let templates = rng::uniform_per_image(
        3,
        "templates",
        &(0..CLASSES as u64).collect::<Vec<_>>(),
        0,
        &[3, SIDE, SIDE],
        0.35,
        0.65,
    )
    .unwrap();
    let ids: Vec<u64> = (0..count as u64).collect();
    let noise = rng::normal_per_image(seed, "noise", &ids, 0, &[3, SIDE, SIDE]).unwrap() * 0.2;
    let images = (templates.index_select(0, &labels) + noise).clamp(0.0, 1.0) * 255.0;
    let classes = (0..CLASSES).map(|class| format!("class {class}")).collect();
    Dataset::new(images.round().to_kind(Kind::Uint8), labels, classes, "toy", "test").unwrap()
}

/// Trains the classifier by plain gradient descent, a second of work.
pub fn train() -> Toy {
    // Tensors this small gain nothing from threads, and tests already run side by side.
    tch::set_num_threads(1);
    let train = data(600, 1);
    let (images, labels) = train.batch(&(0..600).collect::<Vec<_>>()).unwrap();
    let draw = |name: &str, shape: &[i64], scale: f64| {
        (rng::normal_per_image(5, name, &[0], 0, shape).unwrap().squeeze_dim(0) * scale).set_requires_grad(true)
    };
    let toy = Toy { first: draw("first", &[3 * SIDE * SIDE, 24], 0.1), second: draw("second", &[24, CLASSES], 0.2) };
    for _ in 0..60 {
        let loss = toy.logits(&images).unwrap().cross_entropy_for_logits(&labels);
        let gradients = Tensor::run_backward(&[loss], &[&toy.first, &toy.second], false, false);
        tch::no_grad(|| {
            let _ = toy.first.shallow_clone().g_add_(&(&gradients[0] * -0.5));
            let _ = toy.second.shallow_clone().g_add_(&(&gradients[1] * -0.5));
        });
    }
    Toy { first: toy.first.detach(), second: toy.second.detach() }
}

/// An attack with the settings of the benchmarks, fewer steps.
pub fn spec(kind: AttackKind, norm: Norm, epsilon: f64) -> AttackSpec {
    let steps = if kind == AttackKind::Square { 400 } else { 12 };
    AttackSpec {
        kind,
        threat_model: ThreatModel { norm, epsilon },
        step_size: if kind == AttackKind::Fgsm { epsilon.max(0.01) } else { epsilon.max(0.01) / 4.0 },
        steps,
        restarts: 1,
        random_start: kind != AttackKind::Fgsm,
        targets: 3,
        to_the_end: false,
    }
}

/// Radii at which the classifier loses a part of its accuracy, per norm.
pub const RADII: [(Norm, f64); 3] = [(Norm::Linf, 0.04), (Norm::L2, 0.5), (Norm::L1, 3.0)];

/// Runs an attack with images kept.
pub fn run(toy: &Toy, data: &Dataset, spec: &AttackSpec, batch_size: i64, offset: u64) -> DatasetAttacked {
    let pair = Pair { fast: toy, judge: toy };
    let attack = DatasetAttack { pair: &pair, data, offset, spec, seed: 7, batch_size, keep_images: true };
    rift_engine::attack::run_dataset(&attack, &Control::default(), &mut |_| {}).unwrap()
}

/// Share of robust images.
pub fn accuracy(attacked: &DatasetAttacked) -> f64 {
    attacked.per_image.iter().map(|robust| f64::from(*robust)).sum::<f64>() / attacked.per_image.len() as f64
}
