//! Training against golden trajectories made by `test/golden/training/make.py` in PyTorch, and its own rules.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use rift_engine::checkpoint::{read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, Dataset, Format};
use rift_engine::error::EngineError;
use rift_engine::net::{BatchNorm, Network};
use rift_engine::spec::{
    AttackSpec, AugmentSpec, ComputeSpec, OptimizerSpec, PaddingMode, Precision, ScheduleKind, TrainMethod, TrainSpec,
};
use rift_engine::train::adversarial::{train, Inputs, Tuning};
use tch::Tensor;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..")
}

fn manifest() -> NetworkManifest {
    let preprocess = Preprocess::named("cifar10").unwrap();
    NetworkManifest { preprocess, ..NetworkManifest::plain("resnet18", 4, 10, 32) }
}

fn spec(method: TrainMethod) -> TrainSpec {
    let optimizer = OptimizerSpec {
        learning_rate: 0.01,
        momentum: 0.9,
        weight_decay: 5e-4,
        nesterov: true,
        schedule: ScheduleKind::OneCycle,
        milestones: vec![],
        gamma: 0.1,
        pct_start: 0.5,
    };
    let augment = AugmentSpec { padding: 0, padding_mode: PaddingMode::Zero, flip: false };
    let attack =
        AttackSpec { random_start: false, to_the_end: true, ..AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 3, 1) };
    TrainSpec { method, attack: Some(attack), beta: 6.0, ..TrainSpec::standard(4, 16, optimizer, augment, 1) }
}

fn fp32() -> Compute {
    let plain = ComputeSpec { precision: Precision::Fp32, plain: true, threads: 1, ..ComputeSpec::default() };
    Compute::resolve(&plain).unwrap()
}

fn group(tensors: &StateDict, prefix: &str) -> StateDict {
    let named = |(key, tensor): (&str, &Tensor)| Some((key.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()));
    tensors.iter().filter_map(named).collect()
}

#[test]
fn trajectories_equal_pytorchs_on_clean_and_on_adversarial_images() {
    let path = root().join("test/golden/training/trajectories.safetensors");
    let (tensors, _) = read_safetensors(&path).unwrap();
    let classes = (0..10).map(|class| class.to_string()).collect();
    let tensor = |name: &str| tensors.get(name).unwrap().shallow_clone();
    let data = Dataset::new(tensor("pixels"), tensor("labels"), classes, "golden", "train").unwrap();
    for (name, method) in [("standard", TrainMethod::Standard), ("pgd", TrainMethod::Pgd)] {
        let start = group(&tensors, "start/").deep_copy().unwrap();
        let mut network = Network::from_state(manifest(), start, &path).unwrap();
        let spec = spec(method);
        let inputs = Inputs { train: &data, extra: None, selection: None, spec: &spec, checkpoint: None, tuning: None };
        let trained = train(&mut network, &inputs, &fp32(), &Control::default()).unwrap();
        let losses = Vec::<f32>::try_from(tensor(&format!("{name}-losses"))).unwrap();
        for (record, expected) in trained.epochs.iter().zip(losses) {
            assert!((record.loss - f64::from(expected)).abs() < 2e-3, "{name}: {} for {expected}", record.loss);
        }
        for (key, expected) in group(&tensors, &format!("{name}/")).iter().filter(|(key, _)| key.ends_with("weight")) {
            let size = |tensor: Tensor| tensor.abs().max().double_value(&[]);
            let gap = size(network.state.get(key).unwrap() - expected);
            let way = size(expected - tensors.get(&format!("start/{key}")).unwrap());
            // PGD's signs turn where a gradient is almost nothing, and training takes these few pixels along.
            let bound = if method == TrainMethod::Pgd { 0.2 } else { 1e-3 };
            assert!(gap < bound * way, "{name} {key}: {gap} off after a way of {way}");
        }
    }
}

fn sample(count: i64) -> Dataset {
    data::load(&root().join("samples/cifar10"), Format::Cifar10, "train").unwrap().first(count).unwrap()
}

fn augmented(method: TrainMethod) -> TrainSpec {
    TrainSpec {
        epochs: 2,
        batch_size: 32,
        augment: AugmentSpec { padding: 4, padding_mode: PaddingMode::Reflect, flip: true },
        attack: Some(AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 2, 1)),
        ema_decay: 0.9,
        ..spec(method)
    }
}

/// A control that cancels itself at the `at`-th progress event.
fn cancelled_at(at: u64) -> Control {
    let count = Arc::new(AtomicU64::new(0));
    let slot: Arc<std::sync::OnceLock<Control>> = Arc::default();
    let inner = Arc::clone(&slot);
    let control = Control::new(Arc::new(move |_| {
        if count.fetch_add(1, Ordering::Relaxed) + 1 == at {
            inner.get().unwrap().cancel();
        }
    }));
    slot.set(control.clone()).ok().unwrap();
    control
}

#[test]
fn interrupted_and_resumed_training_equals_uninterrupted_training_bit_for_bit() {
    let data = sample(128);
    let spec = augmented(TrainMethod::Pgd);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let run = |control: &Control, checkpoint: Option<&Path>| {
        let mut network = Network::initial(manifest(), 7).unwrap();
        let inputs =
            Inputs { train: &data, extra: None, selection: Some(&data), spec: &spec, checkpoint, tuning: None };
        train(&mut network, &inputs, &fp32(), control).map(|trained| (network.state.digest().unwrap(), trained))
    };
    let (whole, records) = run(&Control::default(), None).unwrap();
    for interruption in [3, 2] {
        assert!(matches!(run(&cancelled_at(interruption), Some(&path)), Err(EngineError::Cancelled)));
    }
    let (resumed, resumed_records) = run(&Control::default(), Some(&path)).unwrap();
    assert_eq!(whole, resumed);
    assert_eq!(records.epochs[1].loss.to_bits(), resumed_records.epochs[1].loss.to_bits());
}

#[test]
fn a_checkpoint_of_other_settings_is_not_gone_on_with() {
    let data = sample(64);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let run = |spec: &TrainSpec, checkpoint: Option<&Path>| {
        let mut network = Network::initial(manifest(), 7).unwrap();
        let inputs = Inputs { train: &data, extra: None, selection: None, spec, checkpoint, tuning: None };
        train(&mut network, &inputs, &fp32(), &Control::default()).unwrap();
        network.state.digest().unwrap()
    };
    let first = augmented(TrainMethod::Standard);
    run(&first, Some(&path));
    let other = TrainSpec { seed: 2, ..first };
    assert_eq!(run(&other, Some(&path)), run(&other, None));
}

#[test]
fn fine_tuning_moves_the_chosen_weight_alone_and_frozen_statistics_stay_bit_for_bit() {
    let data = sample(64);
    let spec = augmented(TrainMethod::Standard);
    for (mode, statistics_move) in [(BatchNorm::Eval, false), (BatchNorm::Train, true)] {
        let mut network = Network::initial(manifest(), 7).unwrap();
        let before = network.state.deep_copy().unwrap();
        let tuning = Tuning { parameters: vec!["layer2.1.conv2.weight".into()], batch_norm: mode, trust_region: 0.0 };
        let inputs = Inputs {
            train: &data,
            extra: None,
            selection: None,
            spec: &TrainSpec { ema_decay: 0.0, ..spec.clone() },
            checkpoint: None,
            tuning: Some(&tuning),
        };
        train(&mut network, &inputs, &fp32(), &Control::default()).unwrap();
        for (name, tensor) in network.state.iter() {
            let same = tensor == before.get(name).unwrap();
            let is_statistic = name.contains("running_") || name.contains("num_batches");
            let moves = name == "layer2.1.conv2.weight" || (is_statistic && statistics_move);
            assert_eq!(same, !moves, "{name} with {mode:?}");
        }
    }
}

#[test]
fn a_trust_region_holds_the_weight_within_its_share() {
    let data = sample(64);
    let mut network = Network::initial(manifest(), 7).unwrap();
    let before = network.state.deep_copy().unwrap();
    let name = "layer1.0.conv1.weight";
    let tuning = Tuning { parameters: vec![name.into()], batch_norm: BatchNorm::Eval, trust_region: 0.01 };
    let mut spec = TrainSpec { ema_decay: 0.0, ..augmented(TrainMethod::Standard) };
    spec.optimizer.learning_rate = 1.0;
    let inputs =
        Inputs { train: &data, extra: None, selection: None, spec: &spec, checkpoint: None, tuning: Some(&tuning) };
    train(&mut network, &inputs, &fp32(), &Control::default()).unwrap();
    let start = before.get(name).unwrap();
    let change = (network.state.get(name).unwrap() - start).norm().double_value(&[]);
    let share = change / start.norm().double_value(&[]);
    assert!(share > 0.009 && share <= 0.0101, "{share}");
}
