//! Whole trainings of every method at tiny size: resumed exactly, ended early, mixed with generated images.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use rift_engine::checkpoint::{NetworkManifest, Preprocess};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, Dataset, Format};
use rift_engine::error::{EngineError, Result};
use rift_engine::net::Network;
use rift_engine::spec::{
    AttackKind, AttackSpec, AugmentSpec, CleanForwards, ComputeSpec, CraftBatchNorm, OptimizerSpec, PaddingMode,
    Precision, ScheduleKind, TrainMethod, TrainSpec,
};
use rift_engine::train::adversarial::{train, Inputs, Trained};
use rift_engine::train::batches::Batches;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../samples/cifar10")
}

fn sample(first: i64, count: i64) -> Dataset {
    let all = data::load(&folder(), Format::Cifar10, "train").unwrap();
    all.subset(&(first..first + count).collect::<Vec<_>>()).unwrap()
}

fn network() -> Network {
    let preprocess = Preprocess::named("cifar10").unwrap();
    Network::initial(NetworkManifest { preprocess, ..NetworkManifest::plain("resnet18", 2, 10, 32) }, 7).unwrap()
}

fn spec(method: TrainMethod) -> TrainSpec {
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
    let augment = AugmentSpec { padding: 4, padding_mode: PaddingMode::Zero, flip: true };
    TrainSpec {
        method,
        attack: (method != TrainMethod::Standard).then(|| AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 2, 1)),
        ..TrainSpec::standard(2, 8, optimizer, augment, 1)
    }
}

fn compute(precision: Precision) -> Compute {
    Compute::resolve(&ComputeSpec { precision, threads: 1, ..ComputeSpec::default() }).unwrap()
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

struct Run<'a> {
    train: &'a Dataset,
    extra: Option<&'a Dataset>,
    selection: Option<&'a Dataset>,
    spec: &'a TrainSpec,
    checkpoint: Option<&'a Path>,
}

impl Run<'_> {
    fn with(&self, compute: &Compute, control: &Control) -> Result<(String, Trained)> {
        let mut network = network();
        let Self { train: images, extra, selection, spec, checkpoint } = *self;
        let inputs = Inputs { train: images, extra, selection, spec, checkpoint, tuning: None };
        let trained = train(&mut network, &inputs, compute, control)?;
        Ok((network.state.digest()?, trained))
    }

    fn whole(&self) -> (String, Trained) {
        self.with(&compute(Precision::Fp32), &Control::default()).unwrap()
    }
}

/// Every method with the choices of its recipe, and everything that has a state of its own.
fn recipes() -> Vec<TrainSpec> {
    let noisy = |method| TrainSpec { start_noise: 0.001, beta: 6.0, ..spec(method) };
    let crafted = |craft_batch_norm, method| TrainSpec { craft_batch_norm, ..spec(method) };
    let fast = AttackSpec { kind: AttackKind::Fgsm, ..AttackSpec::pgd(8.0 / 255.0, 10.0 / 255.0, 1, 1) };
    let cycle = OptimizerSpec {
        schedule: ScheduleKind::OneCycleCosine,
        pct_start: 0.5,
        nesterov: true,
        ..spec(TrainMethod::Pgd).optimizer
    };
    vec![
        spec(TrainMethod::Standard),
        TrainSpec { clean_forwards: CleanForwards::BeforeAndAfterUpdate, ..spec(TrainMethod::Pgd) },
        TrainSpec { attack: Some(fast), overfitting_guard: 0.9, ..crafted(CraftBatchNorm::Train, TrainMethod::Fast) },
        TrainSpec { clean_forwards: CleanForwards::BeforeUpdate, ..noisy(TrainMethod::Trades) },
        noisy(TrainMethod::Mart),
        TrainSpec {
            awp_gamma: 0.01,
            clean_forwards: CleanForwards::AfterUpdate,
            ..crafted(CraftBatchNorm::Train, TrainMethod::Awp)
        },
        TrainSpec { awp_gamma: 0.005, awp_warmup: 1, ..noisy(TrainMethod::TradesAwp) },
        TrainSpec { score_clip: 0.4, ..crafted(CraftBatchNorm::Train, TrainMethod::Score) },
        TrainSpec {
            beta: 4.0,
            ema_decay: 0.9,
            ema_warmup: 0.25,
            ema_copies_statistics: true,
            extra_fraction: 0.7,
            decay_spares_batch_norm: true,
            optimizer: cycle,
            ..crafted(CraftBatchNorm::TrainUntracked, TrainMethod::ScoreTrades)
        },
    ]
}

#[test]
fn every_method_interrupted_and_resumed_equals_itself_uninterrupted_bit_for_bit() {
    let (images, generated) = (sample(0, 24), sample(24, 20));
    let folder = tempfile::tempdir().unwrap();
    let mut digests = HashSet::new();
    for spec in recipes() {
        let extra = (spec.extra_fraction > 0.0).then_some(&generated);
        let run = Run { train: &images, extra, selection: None, spec: &spec, checkpoint: None };
        let (whole, trained) = run.whole();
        let path = folder.path().join(format!("{:?}.safetensors", spec.method));
        let interrupted = Run { checkpoint: Some(&path), ..run };
        // Once within the first epoch of three batches, once within the second.
        for at in [2, 2] {
            let stopped = interrupted.with(&compute(Precision::Fp32), &cancelled_at(at));
            assert!(matches!(stopped, Err(EngineError::Cancelled)), "{:?}", spec.method);
        }
        let (resumed, again) = interrupted.whole();
        assert_eq!(whole, resumed, "{:?}", spec.method);
        let bits = |trained: &Trained| {
            trained.epochs.iter().map(|epoch| (epoch.loss.to_bits(), epoch.accuracy.to_bits())).collect::<Vec<_>>()
        };
        assert_eq!(bits(&trained), bits(&again), "{:?}", spec.method);
        assert_eq!(trained.epochs.len(), 2);
        assert!(digests.insert(whole), "{:?} trains as another method does", spec.method);
    }
}

#[test]
fn a_training_goes_on_in_the_number_format_that_it_began_with() {
    let images = sample(0, 32);
    let spec = spec(TrainMethod::Pgd);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("training.safetensors");
    let run = Run { train: &images, extra: None, selection: None, spec: &spec, checkpoint: None };
    let kept = Run { checkpoint: Some(&path), ..run };
    assert!(matches!(kept.with(&compute(Precision::Bf16), &cancelled_at(1)), Err(EngineError::Cancelled)));
    let (resumed, _) = kept.with(&compute(Precision::Fp32), &Control::default()).unwrap();
    let (bf16, _) = Run { checkpoint: None, ..kept }.with(&compute(Precision::Bf16), &Control::default()).unwrap();
    let (fp32, _) = Run { train: &images, extra: None, selection: None, spec: &spec, checkpoint: None }.whole();
    assert_eq!(resumed, bf16);
    assert_ne!(resumed, fp32);
}

#[test]
fn the_overfitting_guard_ends_training_with_the_weights_of_the_epoch_before() {
    let images = sample(0, 32);
    let fast = AttackSpec { kind: AttackKind::Fgsm, ..AttackSpec::pgd(8.0 / 255.0, 10.0 / 255.0, 1, 1) };
    let mut spec = TrainSpec { epochs: 40, overfitting_guard: 1e-6, attack: Some(fast), ..spec(TrainMethod::Fast) };
    // A rate at which accuracy goes up and down, so that it falls at some epoch.
    spec.optimizer.learning_rate = 0.5;
    let run = Run { train: &images, extra: None, selection: None, spec: &spec, checkpoint: None };
    let (stopped, trained) = run.whole();
    assert!(trained.ended.contains("catastrophic overfitting"), "{trained:?}");
    assert!(trained.epochs.len() < 40);
    assert_eq!(trained.chosen_epoch as usize, trained.epochs.len() - 1, "{trained:?}");
    let until = TrainSpec { epochs: trained.chosen_epoch, overfitting_guard: 0.0, ..spec.clone() };
    let (before, _) = Run { spec: &until, ..run }.whole();
    assert_eq!(stopped, before);
    // The same falls are no reason to stop where only larger ones count.
    let calm = TrainSpec { epochs: trained.epochs.len() as u32, overfitting_guard: 0.999, ..spec.clone() };
    let (_, through) = Run { spec: &calm, ..run }.whole();
    assert_eq!((through.ended.as_str(), through.chosen_epoch), ("", calm.epochs), "{through:?}");
}

#[test]
fn training_ends_after_as_many_epochs_without_improvement_as_patience_says() {
    let (images, held_out) = (sample(0, 32), sample(32, 32));
    let mut spec = TrainSpec { epochs: 40, patience: 2, keep_best: true, ..spec(TrainMethod::Standard) };
    spec.optimizer.learning_rate = 0.5;
    let run = Run { train: &images, extra: None, selection: Some(&held_out), spec: &spec, checkpoint: None };
    let (_, trained) = run.whole();
    assert!(trained.ended.contains("not improved for 2 epochs"), "{trained:?}");
    assert_eq!(trained.epochs.len(), trained.chosen_epoch as usize + 2);
    let score = |epoch: u32| trained.epochs[epoch as usize - 1].selection_standard;
    assert!((1..=trained.epochs.len() as u32).all(|epoch| score(epoch) <= score(trained.chosen_epoch)));
}

#[test]
fn a_batch_holds_its_share_of_generated_images_and_no_draw_comes_twice() {
    let (images, generated) = (sample(0, 25), sample(25, 5));
    let spec = TrainSpec { batch_size: 10, extra_fraction: 0.7, ..spec(TrainMethod::Pgd) };
    let inputs = Inputs {
        train: &images,
        extra: Some(&generated),
        selection: None,
        spec: &spec,
        checkpoint: None,
        tuning: None,
    };
    let batches = Batches::new(&inputs).unwrap();
    assert_eq!(batches.count(), 3, "as many batches as 25 images fill");
    let mut ids = HashSet::new();
    for epoch in 0..2 {
        ids.clear();
        let order = batches.order(epoch);
        for at in 0..3 {
            let batch = batches.read(&order, epoch, at).unwrap();
            let again = batches.read(&order, epoch, at).unwrap();
            assert_eq!((batch.images.size()[0], &batch.images), (10, &again.images));
            assert_eq!(batch.ids.iter().filter(|id| **id < 25).count(), 3, "three of ten are real");
            ids.extend(batch.ids);
        }
        assert_eq!(ids.len(), 30, "every draw of an epoch has a key of its own");
    }
    let all = TrainSpec { extra_fraction: 1.0, ..spec.clone() };
    let only = Batches::new(&Inputs { spec: &all, ..inputs }).unwrap();
    assert!(only.read(&only.order(0), 0, 0).unwrap().ids.iter().all(|id| *id >= 25));
}

#[test]
fn extra_images_and_their_fraction_are_given_together_or_not_at_all() {
    let (images, generated) = (sample(0, 16), sample(16, 8));
    let with = TrainSpec { extra_fraction: 0.5, ..spec(TrainMethod::Pgd) };
    let without = spec(TrainMethod::Pgd);
    for (spec, extra) in [(&with, None), (&without, Some(&generated))] {
        let run = Run { train: &images, extra, selection: None, spec, checkpoint: None };
        let refused = run.with(&compute(Precision::Fp32), &Control::default()).unwrap_err().to_string();
        assert!(refused.contains("extraFraction"), "{refused}");
    }
}

#[test]
fn settings_that_a_method_cannot_have_are_refused_by_name() {
    let attack = |kind, steps, restarts| Some(AttackSpec { kind, ..AttackSpec::pgd(0.03, 0.01, steps, restarts) });
    let pgd = spec(TrainMethod::Pgd);
    for (field, wrong) in [
        ("attack", TrainSpec { attack: None, ..pgd.clone() }),
        ("attack.kind", TrainSpec { attack: attack(AttackKind::Square, 10, 1), ..pgd.clone() }),
        ("attack.steps", TrainSpec { attack: attack(AttackKind::Fgsm, 2, 1), ..pgd.clone() }),
        ("attack.restarts", TrainSpec { attack: attack(AttackKind::Pgd, 2, 3), ..pgd }),
        ("labelSmoothing", TrainSpec { label_smoothing: 0.1, ..spec(TrainMethod::Mart) }),
        ("overfittingGuard", TrainSpec { overfitting_guard: 0.2, ..spec(TrainMethod::Standard) }),
    ] {
        let refused = wrong.check().unwrap_err().to_string();
        assert!(refused.starts_with(field), "{field}: {refused}");
    }
}
