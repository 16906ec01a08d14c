//! Parts of a training step on their own: schedules, crafting, the warm-up of weight perturbation, the weight average, what
//! weight decay spares, the attack of the overfitting guard.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use rift_engine::attack::{self, pgd, Batch, Pair};
use rift_engine::checkpoint::NetworkManifest;
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, Dataset, Format};
use rift_engine::evaluate;
use rift_engine::net::{BatchNorm, Classifier, Executor, Network};
use rift_engine::rng;
use rift_engine::spec::{
    AttackSpec, AugmentSpec, ComputeSpec, CraftBatchNorm, OptimizerSpec, PaddingMode, Precision, ScheduleKind,
    TrainMethod, TrainSpec,
};
use rift_engine::train::adversarial::{train, Inputs, Trained};
use rift_engine::train::batches::Images;
use rift_engine::train::craft::{ascend, craft, WithBatchStatistics};
use rift_engine::train::optimizer::{Pace, Sgd};
use rift_engine::train::parameters::{trainable, Parameter};
use rift_engine::train::records::EpochRecord;
use rift_engine::train::step::Step;
use rift_engine::train::{average, measure};
use tch::{Device, Kind, Tensor};

const COUNT: i64 = 6;

fn optimizer(schedule: ScheduleKind) -> OptimizerSpec {
    OptimizerSpec {
        learning_rate: 0.1,
        momentum: 0.9,
        weight_decay: 5e-4,
        nesterov: false,
        schedule,
        milestones: vec![100, 105],
        gamma: 0.1,
        pct_start: 0.0,
    }
}

fn spec(method: TrainMethod) -> TrainSpec {
    let augment = AugmentSpec { padding: 0, padding_mode: PaddingMode::Zero, flip: false };
    let attack = Some(AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 2, 1));
    TrainSpec { method, attack, ..TrainSpec::standard(1, 32, optimizer(ScheduleKind::Constant), augment, 1) }
}

fn plain() -> Compute {
    let spec = ComputeSpec { precision: Precision::Fp32, plain: true, threads: 1, ..ComputeSpec::default() };
    Compute::resolve(&spec).unwrap()
}

fn network() -> Network {
    Network::initial(NetworkManifest::plain("resnet18", 2, 10, 32), 7).unwrap()
}

fn trained_sample() -> Network {
    Network::read(&samples().join("resnet18-w16.safetensors")).unwrap()
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../samples")
}

fn sample(split: &str, count: i64) -> Dataset {
    data::load(&samples().join("cifar10"), Format::Cifar10, split).unwrap().first(count).unwrap()
}

fn gap(found: &Tensor, expected: &Tensor) -> f64 {
    (found - expected).abs().max().double_value(&[])
}

/// Expected rates are those of `torch.optim.lr_scheduler` after so many calls of `step`.
#[test]
fn steps_and_the_cosine_change_the_rate_as_pytorchs_schedulers_do() {
    // MultiStepLR(SGD(lr=0.1), milestones=[100, 105], gamma=0.1)
    let steps = [(0, 0.1), (99, 0.1), (100, 0.01), (104, 0.01), (105, 0.001), (109, 0.001)];
    // CosineAnnealingLR(SGD(lr=0.1), T_max=110)
    let cosine = [
        (0, 0.1),
        (1, 0.099_979_609_641),
        (27, 0.085_856_590_238),
        (55, 0.05),
        (99, 0.002_447_174_185),
        (109, 0.000_020_390_359),
    ];
    for (schedule, expected) in [(ScheduleKind::Step, steps), (ScheduleKind::Cosine, cosine)] {
        for (epoch, rate) in expected {
            let found = optimizer(schedule).rate_at(f64::from(epoch) / 110.0, 110);
            assert!((found - rate).abs() < 1e-9, "{schedule:?}, epoch {epoch}: {found} for {rate}");
        }
    }
    // A step comes with its epoch, not before.
    assert!((optimizer(ScheduleKind::Step).rate_at(99.99 / 110.0, 110) - 0.1).abs() < 1e-12);
}

struct Drawn {
    images: Tensor,
    labels: Tensor,
    ids: Vec<u64>,
}

impl Drawn {
    fn new() -> Self {
        let ids: Vec<u64> = (0..COUNT as u64).collect();
        let images = rng::uniform_per_image(1, "pixels", &ids, 0, &[3, 32, 32], 0.0, 1.0).unwrap();
        Self { images, labels: Tensor::arange(COUNT, (Kind::Int64, Device::Cpu)), ids }
    }

    fn batch(&self) -> Batch<'_> {
        Batch { images: &self.images, labels: &self.labels, ids: &self.ids }
    }
}

fn bound(spares: bool) -> (Network, Executor, Vec<Parameter>) {
    let mut network = network();
    let parameters = trainable(&mut network, None, spares).unwrap();
    let executor = Executor::bind(&network.graph, &network.state, rift_engine::net::Format::PLAIN).unwrap();
    (network, executor, parameters)
}

#[test]
fn crafting_normalises_as_it_is_told_and_moves_running_statistics_only_in_train_mode() {
    let (compute, control, drawn) = (plain(), Control::default(), Drawn::new());
    let batch = drawn.batch();
    let mut seen: Vec<Tensor> = Vec::new();
    for (choice, mode) in [
        (CraftBatchNorm::Eval, BatchNorm::Eval),
        (CraftBatchNorm::TrainUntracked, BatchNorm::TrainUntracked),
        (CraftBatchNorm::Train, BatchNorm::Train),
    ] {
        let spec = TrainSpec { craft_batch_norm: choice, ..spec(TrainMethod::Pgd) };
        let (network, executor, _) = bound(false);
        let before = network.state.digest().unwrap();
        let crafted = craft(&network, &executor, &batch, &spec, 3, &compute, &control).unwrap();
        assert_eq!(network.state.digest().unwrap() != before, choice == CraftBatchNorm::Train, "{choice:?}");
        let (_, other, _) = bound(false);
        let start = pgd::start(&batch, spec.crafting().unwrap(), rng::derive(1, "craft", &[3]), 0).unwrap();
        let model = WithBatchStatistics(&other, mode, Device::Cpu);
        let expected = ascend(&model, &batch, &start, &spec, &control).unwrap();
        // A gradient of almost nothing may have either sign.
        let differ = (&crafted - &expected).abs().gt(1e-6).sum(Kind::Int64).int64_value(&[]);
        assert!(differ * 1000 <= crafted.numel() as i64, "{choice:?}: {differ} of {} values", crafted.numel());
        seen.push(crafted);
    }
    assert!(gap(&seen[0], &seen[1]) > 0.01, "batch statistics lead elsewhere");
}

#[test]
fn crafting_spread_over_lanes_gives_the_iterates_of_crafting_whole() {
    let (network, drawn) = (trained_sample(), Drawn::new());
    let batch = drawn.batch();
    for method in [TrainMethod::Pgd, TrainMethod::Trades] {
        let crafted = |threads| {
            let compute = ComputeSpec { precision: Precision::Fp32, threads, ..ComputeSpec::default() };
            let plan = Compute::resolve(&compute).unwrap().fast_plan(&network).unwrap();
            assert_eq!(plan.lanes().len() > 1, threads > 1);
            ascend(&plan, &batch, &(batch.images + 0.01), &spec(method), &Control::default()).unwrap()
        };
        let (whole, spread) = (crafted(1), crafted(2));
        // Kernels round by batch size, and a gradient of almost nothing may have either sign.
        let differ = (&spread - &whole).abs().gt(1e-6).sum(Kind::Int64).int64_value(&[]);
        assert!(differ * 100 <= whole.numel() as i64, "{method:?}: {differ} of {} values", whole.numel());
    }
}

#[test]
fn crafting_starts_at_gaussian_noise_of_the_given_size_that_each_epoch_draws_anew() {
    let (compute, control) = (plain(), Control::default());
    let drawn = Drawn { images: Tensor::full([COUNT, 3, 32, 32], 0.5, (Kind::Float, Device::Cpu)), ..Drawn::new() };
    // One step of nothing in a ball that holds all: what is left is the start.
    let attack = Some(AttackSpec::pgd(1.0, 1e-9, 1, 1));
    let (network, executor, _) = bound(false);
    let noise = |start_noise: f64, epoch: u32| {
        let spec = TrainSpec { start_noise, attack: attack.clone(), ..spec(TrainMethod::Trades) };
        craft(&network, &executor, &drawn.batch(), &spec, epoch, &compute, &control).unwrap() - &drawn.images
    };
    for size in [0.1, 0.02] {
        let noise = noise(size, 0);
        let (mean, std) = (noise.mean(Kind::Float).double_value(&[]), noise.std(true).double_value(&[]));
        assert!(mean.abs() < size / 30.0 && (std / size - 1.0).abs() < 0.03, "{mean} and {std} for {size}");
    }
    assert!(gap(&noise(0.1, 0), &noise(0.1, 1)) > 0.1);
}

#[test]
fn weights_are_perturbed_from_the_epoch_on_that_the_warm_up_says() {
    let drawn = Drawn::new();
    let stepped = |epoch: u32, awp_gamma: f64| {
        let spec = TrainSpec { awp_gamma, awp_warmup: 1, ..spec(TrainMethod::Awp) };
        let (network, executor, parameters) = bound(false);
        let step = Step {
            network: &network,
            executor: &executor,
            parameters: &parameters,
            spec: &spec,
            mode: BatchNorm::Train,
            epoch,
            pace: Pace { rate: 0.1, momentum: 0.9 },
        };
        step.update(&drawn.images, &drawn.images, &drawn.labels, &mut Sgd::new(&spec.optimizer)).unwrap();
        network.state.digest().unwrap()
    };
    assert_eq!(stepped(0, 0.01), stepped(0, 0.0), "the first epoch is the warm-up");
    assert_ne!(stepped(1, 0.01), stepped(1, 0.0), "the second is not");
}

#[test]
fn the_average_is_a_copy_while_it_warms_up_and_then_ramps() {
    let spec = TrainSpec { ema_decay: 0.995, ema_warmup: 0.025, ..spec(TrainMethod::Pgd) };
    for (step, total, decay) in [(24, 1000, 0.0), (25, 1000, 0.1), (115, 1000, 0.91), (1_000_000, 2_000_000, 0.995)] {
        assert!((average::decay_at(&spec, step, total) - decay).abs() < 1e-12, "step {step} of {total}");
    }
}

/// The sample's network trained for one batch of `images`, as it is kept.
fn trained(images: &Dataset, spec: &TrainSpec) -> (Network, Trained) {
    let mut network = trained_sample();
    let inputs = Inputs { train: images, extra: None, selection: Some(images), spec, checkpoint: None, tuning: None };
    let trained = train(&mut network, &inputs, &plain(), &Control::default()).unwrap();
    (network, trained)
}

#[test]
fn training_keeps_and_judges_the_average_of_its_weights_whose_statistics_are_averaged_or_copied() {
    let images = sample("train", 32);
    let (start, mut raw) = (trained_sample(), TrainSpec { ema_decay: 0.0, ..spec(TrainMethod::Standard) });
    // A step that ruins the weights, so that the average of them does better.
    raw.optimizer.learning_rate = 1.0;
    let (after, of_raw) = trained(&images, &raw);
    for copies in [false, true] {
        let (kept, said) =
            trained(&images, &TrainSpec { ema_decay: 0.9, ema_copies_statistics: copies, ..raw.clone() });
        for (name, found) in kept.state.iter() {
            let (start, after) = (start.state.get(name).unwrap(), after.state.get(name).unwrap());
            let is_copied = found.kind() == Kind::Int64 || (copies && name.contains("running_"));
            // The ramp's first decay is a tenth.
            let expected = if is_copied { after.shallow_clone() } else { start * 0.1 + after * 0.9 };
            let error = gap(found, &expected) / expected.abs().max().double_value(&[]).max(1.0);
            assert!(error < 1e-5, "{name}, copied {copies}: {error}");
        }
        let compute = plain();
        let judge = compute.judge_plan(&kept).unwrap();
        let exact = evaluate::standard(&judge, &images, 32, &Control::default()).unwrap().accuracy();
        assert!((said.epochs[0].selection_standard - exact).abs() < 1e-9, "{said:?} for {exact}");
        let of_raw = of_raw.epochs[0].selection_standard;
        assert!((exact - of_raw).abs() > 0.01, "nothing to tell apart: both {exact}");
    }
}

#[test]
fn weight_decay_shrinks_weights_and_spares_batch_norm_where_it_is_told_to() {
    for spares in [true, false] {
        let (network, _, parameters) = bound(spares);
        let before = network.state.deep_copy().unwrap();
        let gradients: Vec<Tensor> = parameters.iter().map(|parameter| parameter.tensor.zeros_like()).collect();
        let mut sgd = Sgd::new(&OptimizerSpec { weight_decay: 0.5, ..optimizer(ScheduleKind::Constant) });
        sgd.step(&parameters, &gradients, Pace { rate: 0.5, momentum: 0.9 }).unwrap();
        assert_eq!(parameters.len(), 62);
        for Parameter { name, tensor, .. } in &parameters {
            let is_norm = before.get(&name.replace("weight", "running_mean").replace("bias", "running_mean")).is_some();
            let factor = if spares && is_norm { 1.0 } else { 0.75 };
            let expected = before.get(name).unwrap() * factor;
            assert!(gap(tensor, &expected) < 1e-6, "{name}, spared {spares}");
        }
    }
}

#[test]
fn the_epoch_kept_is_that_of_the_highest_accuracy_under_the_selection_attack() {
    // At this rate the network is best on clean images after the first epoch, and best under attack after a later one.
    let images = sample("train", 32);
    let selection_attack = Some(AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 3, 1));
    let mut chosen =
        TrainSpec { epochs: 4, batch_size: 16, selection_attack, keep_best: true, ..spec(TrainMethod::Standard) };
    chosen.optimizer.learning_rate = 0.05;
    let run = |spec: &TrainSpec| {
        let mut network = trained_sample();
        let selection = Some(&images);
        let inputs = Inputs { train: &images, extra: None, selection, spec, checkpoint: None, tuning: None };
        let trained = train(&mut network, &inputs, &plain(), &Control::default()).unwrap();
        (network.state.digest().unwrap(), trained)
    };
    let (kept, trained) = run(&chosen);
    let last_best = |score: fn(&EpochRecord) -> f64| {
        let best = trained.epochs.iter().map(score).fold(-1.0, f64::max);
        trained.epochs.iter().rev().find(|record| score(record) >= best).unwrap().epoch
    };
    let robust = last_best(|record| record.selection_adversarial);
    assert_eq!(trained.chosen_epoch, robust, "{trained:?}");
    let standard = last_best(|record| record.selection_standard);
    assert!(robust != standard && robust > 1 && robust < 4, "nothing to tell apart: {trained:?}");
    let until = TrainSpec { epochs: robust, keep_best: false, ..chosen.clone() };
    assert_eq!(kept, run(&until).0);
}

#[test]
fn the_overfitting_guard_attacks_with_five_steps_of_a_quarter_of_the_radius() {
    let network = trained_sample();
    let (images, labels) = sample("test", 40).batch(&(0..40).collect::<Vec<_>>()).unwrap();
    let (compute, control) = (plain(), Control::default());
    let read = Images { images, labels, ids: (0..40).collect() };
    let spec = TrainSpec { attack: Some(AttackSpec::pgd(0.06, 0.5, 1, 1)), ..spec(TrainMethod::Fast) };
    let guarded = measure::guard(&network, &read, &spec, &compute, &control).unwrap();
    let judge = compute.judge_plan(&network).unwrap();
    let batch = Batch { images: &read.images, labels: &read.labels, ids: &read.ids };
    let seed = rng::derive(1, "selection", &[]);
    let share = |steps: u32, step_size: f64| {
        let attack = AttackSpec { to_the_end: true, ..AttackSpec::pgd(0.06, step_size, steps, 1) };
        let pair = Pair { fast: &judge, judge: &judge };
        let attacked = attack::attack(&pair, &batch, &attack, seed, &control).unwrap();
        attacked.robust.sum(Kind::Float).double_value(&[]) / 40.0
    };
    assert!((guarded - share(5, 0.015)).abs() < 1e-9, "{guarded}");
    for other in [share(4, 0.015), share(5, 0.0075)] {
        assert!((guarded - other).abs() > 0.01, "another attack would do as well: {other}");
    }
}
