//! Every training method against values made by `test/golden/training/methods.py` in PyTorch: losses and their gradients,
//! crafted images, gradients and weights of two steps, the weight perturbation, the schedule.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use rift_engine::attack::Batch;
use rift_engine::checkpoint::{read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::control::Control;
use rift_engine::net::{BatchNorm, Executor, Format, Network, PlanOptions};
use rift_engine::spec::{
    AttackKind, AttackSpec, AugmentSpec, CleanForwards, CraftBatchNorm, OptimizerSpec, PaddingMode, ScheduleKind,
    TrainMethod, TrainSpec,
};
use rift_engine::train::craft::{ascend, WithBatchStatistics};
use rift_engine::train::optimizer::{Pace, Sgd};
use rift_engine::train::parameters::{trainable, Parameter};
use rift_engine::train::step::Step;
use rift_engine::train::{awp, losses};
use tch::{Device, Tensor};

const METHODS: [(&str, TrainMethod); 8] = [
    ("pgd", TrainMethod::Pgd),
    ("fast", TrainMethod::Fast),
    ("trades", TrainMethod::Trades),
    ("mart", TrainMethod::Mart),
    ("awp", TrainMethod::Awp),
    ("trades_awp", TrainMethod::TradesAwp),
    ("score", TrainMethod::Score),
    ("score_trades", TrainMethod::ScoreTrades),
];

struct Golden(StateDict);

impl Golden {
    fn read() -> (Self, PathBuf) {
        // Equal kernels on both sides: the values were made on one thread.
        tch::set_num_threads(1);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/training/methods.safetensors");
        (Self(read_safetensors(&path).unwrap().0), path)
    }

    fn get(&self, name: &str) -> Tensor {
        self.0.get(name).unwrap_or_else(|| panic!("no golden value {name}")).shallow_clone()
    }

    fn group(&self, prefix: &str) -> StateDict {
        self.0.iter().filter_map(|(key, tensor)| Some((key.strip_prefix(prefix)?.to_string(), tensor.copy()))).collect()
    }

    fn network(&self, path: &Path) -> Network {
        let preprocess = Preprocess::named("cifar10").unwrap();
        let manifest = NetworkManifest { preprocess, ..NetworkManifest::plain("resnet18", 2, 10, 32) };
        Network::from_state(manifest, self.group("network/"), path).unwrap()
    }
}

fn spec(name: &str, method: TrainMethod) -> TrainSpec {
    let optimizer = OptimizerSpec {
        learning_rate: 0.05,
        momentum: 0.9,
        weight_decay: 5e-4,
        nesterov: false,
        schedule: ScheduleKind::Constant,
        milestones: vec![],
        gamma: 0.1,
        pct_start: 0.0,
    };
    let augment = AugmentSpec { padding: 0, padding_mode: PaddingMode::Zero, flip: false };
    let (craft_batch_norm, clean_forwards) = match name {
        "pgd" => (CraftBatchNorm::Eval, CleanForwards::BeforeAndAfterUpdate),
        "fast" => (CraftBatchNorm::Train, CleanForwards::None),
        "trades" | "trades_awp" => (CraftBatchNorm::Eval, CleanForwards::BeforeUpdate),
        "awp" => (CraftBatchNorm::Train, CleanForwards::AfterUpdate),
        "score" => (CraftBatchNorm::TrainUntracked, CleanForwards::None),
        _ => (CraftBatchNorm::Eval, CleanForwards::None),
    };
    let (kind, steps, size) = if name == "fast" { (AttackKind::Fgsm, 1, 10.0) } else { (AttackKind::Pgd, 3, 2.0) };
    let attack = AttackSpec { kind, ..AttackSpec::pgd(8.0 / 255.0, size / 255.0, steps, 1) };
    TrainSpec {
        method,
        attack: Some(attack),
        beta: 6.0,
        awp_gamma: 0.01,
        craft_batch_norm,
        clean_forwards,
        score_clip: if name == "score" { 0.4 } else { 0.3 },
        ..TrainSpec::standard(1, 6, optimizer, augment, 1)
    }
}

fn gap(found: &Tensor, expected: &Tensor) -> f64 {
    assert_eq!(found.size(), expected.size());
    (found - expected).abs().max().double_value(&[])
}

#[test]
fn every_loss_and_its_gradient_equal_pytorchs() {
    let (golden, _) = Golden::read();
    let labels = golden.get("labels");
    let standard = |name, method| TrainSpec { score_clip: 0.0, ..spec(name, method) };
    let cases = [
        ("pgd", spec("pgd", TrainMethod::Pgd)),
        ("smoothed", TrainSpec { label_smoothing: 0.1, ..spec("pgd", TrainMethod::Fast) }),
        ("trades", spec("trades", TrainMethod::TradesAwp)),
        ("mart", spec("mart", TrainMethod::Mart)),
        ("score", spec("score", TrainMethod::Score)),
        ("score_smoothed", TrainSpec { label_smoothing: 0.1, ..standard("score", TrainMethod::Score) }),
        ("score_trades", spec("score_trades", TrainMethod::ScoreTrades)),
        ("score_second", TrainSpec { score_clips_second_term: true, ..spec("score_trades", TrainMethod::ScoreTrades) }),
    ];
    for (name, spec) in cases {
        let leaf = |which: &str| golden.get(&format!("logits/{which}")).copy().set_requires_grad(true);
        let (clean, crafted) = (leaf("clean"), leaf("crafted"));
        let loss = losses::training_loss(&clean, &crafted, &labels, &spec).unwrap();
        let expected = golden.get(&format!("loss/{name}")).double_value(&[]);
        assert!((loss.double_value(&[]) - expected).abs() < 1e-5 * expected.abs(), "{name}: {loss:?} for {expected}");
        loss.backward();
        for (which, logits) in [("clean", &clean), ("crafted", &crafted)] {
            let expected = golden.get(&format!("loss/{name}/{which}"));
            let found = if logits.grad().defined() { logits.grad() } else { logits.zeros_like() };
            assert!(
                gap(&found, &expected) < 1e-6,
                "{name}, gradient of the {which} logits: {}",
                gap(&found, &expected)
            );
        }
    }
}

/// The network on which a method is tried, its executor, and what moves.
fn bound(golden: &Golden, path: &Path) -> (Network, Executor, Vec<Parameter>) {
    let mut network = golden.network(path);
    let parameters = trainable(&mut network, None, false).unwrap();
    let executor = Executor::bind(&network.graph, &network.state, Format::PLAIN).unwrap();
    (network, executor, parameters)
}

#[test]
fn crafting_of_every_method_reaches_pytorchs_images() {
    let (golden, path) = Golden::read();
    let (images, labels) = (golden.get("images"), golden.get("labels"));
    let ids: Vec<u64> = (0..6).collect();
    let batch = Batch { images: &images, labels: &labels, ids: &ids };
    for (name, method) in METHODS {
        let (network, executor, _) = bound(&golden, &path);
        let spec = spec(name, method);
        let noisy = matches!(name, "trades" | "trades_awp" | "mart" | "score_trades");
        let start = golden.get(if noisy { "start/gaussian" } else { "start/uniform" });
        let control = Control::default();
        let with = |mode| WithBatchStatistics(&executor, mode, Device::Cpu);
        let crafted = match spec.craft_batch_norm {
            CraftBatchNorm::Eval => {
                ascend(&network.plan(PlanOptions::plain(Device::Cpu)).unwrap(), &batch, &start, &spec, &control)
            }
            CraftBatchNorm::Train => ascend(&with(BatchNorm::Train), &batch, &start, &spec, &control),
            CraftBatchNorm::TrainUntracked => ascend(&with(BatchNorm::TrainUntracked), &batch, &start, &spec, &control),
        }
        .unwrap();
        let expected = golden.get(&format!("{name}/crafted/0"));
        // A gradient of almost nothing may have either sign.
        let differ = (&crafted - &expected).abs().gt(1e-6).sum(tch::Kind::Int64).int64_value(&[]);
        assert!(differ * 1000 <= crafted.numel() as i64, "{name}: {differ} of {} values differ", crafted.numel());
        let moved = crafted.ne_tensor(&start).sum(tch::Kind::Int64).int64_value(&[]);
        assert!(moved * 2 > crafted.numel() as i64, "{name}: crafting moves most pixels");
    }
}

#[test]
fn two_steps_of_every_method_equal_pytorchs_in_losses_gradients_weights_and_statistics() {
    let (golden, path) = Golden::read();
    let (images, labels) = (golden.get("images"), golden.get("labels"));
    for (name, method) in METHODS {
        let (network, executor, parameters) = bound(&golden, &path);
        let spec = spec(name, method);
        let mut optimizer = Sgd::new(&spec.optimizer);
        let pace = Pace { rate: 0.05, momentum: 0.9 };
        let losses = Vec::<f64>::try_from(golden.get(&format!("{name}/losses"))).unwrap();
        for (at, expected) in losses.into_iter().enumerate() {
            let crafted = golden.get(&format!("{name}/crafted/{at}"));
            if spec.craft_batch_norm == CraftBatchNorm::Train {
                // The forwards of the attack move the statistics; its images are given.
                let model = WithBatchStatistics(&executor, BatchNorm::Train, Device::Cpu);
                let start = golden.get("start/uniform");
                let batch = Batch { images: &images, labels: &labels, ids: &[] };
                let _ = ascend(&model, &batch, &start, &spec, &Control::default()).unwrap();
            }
            let step = Step {
                network: &network,
                executor: &executor,
                parameters: &parameters,
                spec: &spec,
                mode: BatchNorm::Train,
                epoch: 0,
                pace,
            };
            let before = network.state.deep_copy().unwrap();
            let outcome = step.update(&images, &crafted, &labels, &mut optimizer).unwrap();
            assert!((outcome.loss - expected).abs() < 1e-5 * expected.abs(), "{name}, step {at}: {outcome:?}");
            for Parameter { name: key, .. } in parameters.iter().filter(|_| at == 0) {
                // The first momentum buffer is the gradient plus the decay of the weight it was taken at.
                let moved = if spec.method.perturbs_weights() && before.get(key).unwrap().dim() > 1 {
                    golden.get(&format!("{name}/perturbed/{key}"))
                } else {
                    before.get(key).unwrap().shallow_clone()
                };
                let gradient = golden.get(&format!("{name}/gradient/{key}"));
                let found = optimizer.buffers.get(key).unwrap() - moved * 5e-4;
                let bound = 1e-5 * gradient.abs().max().double_value(&[]).max(1.0);
                assert!(gap(&found, &gradient) < bound, "{name}, gradient of {key}: {}", gap(&found, &gradient));
            }
        }
        for (key, expected) in golden.group(&format!("{name}/state/")).iter() {
            let found = network.state.get(key).unwrap();
            let bound = 1e-5 * expected.abs().to_kind(tch::Kind::Float).max().double_value(&[]).max(1.0);
            assert!(gap(found, expected) < bound, "{name}, {key} after two steps: {}", gap(found, expected));
        }
    }
}

#[test]
fn a_weight_perturbation_moves_by_gamma_times_the_norm_and_is_taken_back() {
    let (golden, path) = Golden::read();
    let (_network, executor, parameters) = bound(&golden, &path);
    let before: Vec<Tensor> = parameters.iter().map(|parameter| parameter.tensor.detach().copy()).collect();
    let crafted = golden.get("awp/crafted/0");
    let logits = executor.forward(&crafted, BatchNorm::TrainUntracked).unwrap();
    let loss = losses::training_loss(&logits, &logits, &golden.get("labels"), &spec("awp", TrainMethod::Awp)).unwrap();
    let weights = awp::perturbed(&parameters);
    assert_eq!(weights.len(), 21);
    let gradients = Tensor::run_backward(&[loss], &weights, false, false);
    let perturbation = awp::perturb(&weights, &gradients, 0.01).unwrap();
    for (Parameter { name, tensor, .. }, start) in parameters.iter().zip(&before) {
        if tensor.dim() > 1 {
            assert!(gap(tensor, &golden.get(&format!("awp/perturbed/{name}"))) < 1e-6, "{name}");
            let share = ((tensor - start).norm() / start.norm()).double_value(&[]);
            assert!((share - 0.01).abs() < 1e-5, "{name} moved by {share} of its norm");
        } else {
            assert_eq!(tensor, start, "{name} has one dimension and stays");
        }
    }
    perturbation.restore().unwrap();
    for (Parameter { name, tensor, .. }, start) in parameters.iter().zip(&before) {
        assert!(gap(tensor, start) < 1e-6, "{name} is back");
    }
}

#[test]
fn the_one_cycle_of_cosines_is_pytorchs_in_rate_and_momentum() {
    let (golden, _) = Golden::read();
    let optimizer = OptimizerSpec {
        learning_rate: 0.2,
        schedule: ScheduleKind::OneCycleCosine,
        pct_start: 0.1,
        ..spec("pgd", TrainMethod::Pgd).optimizer
    };
    let values = |name: &str| Vec::<f64>::try_from(golden.get(name)).unwrap();
    for (epoch, (rate, momentum)) in values("cycle/rate").into_iter().zip(values("cycle/momentum")).enumerate() {
        for within in [0.0, 0.5, 0.99] {
            let progress = (epoch as f64 + within) / 40.0;
            let found = (optimizer.rate_at(progress, 40), optimizer.momentum_at(progress, 40));
            assert!((found.0 - rate).abs() < 1e-12 && (found.1 - momentum).abs() < 1e-12, "epoch {epoch}: {found:?}");
        }
    }
}
