//! Attacks on data sets: what every attack has to keep to, and independence of batches and shards.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod toy;

use rift_engine::attack::{self, pgd, Batch, DatasetAttack, Pair, Tries};
use rift_engine::checkpoint::NetworkManifest;
use rift_engine::control::Control;
use rift_engine::data::dataset::Dataset;
use rift_engine::error::{EngineError, Result};
use rift_engine::evaluate;
use rift_engine::net::{Classifier, Network, PlanOptions};
use rift_engine::rng;
use rift_engine::spec::{AttackKind, AttackSpec, Norm};
use tch::{Device, Kind, Tensor};
use toy::{accuracy, data, run, spec, train, Toy, RADII};

const KINDS: [AttackKind; 8] = [
    AttackKind::Fgsm,
    AttackKind::Pgd,
    AttackKind::Cw,
    AttackKind::ApgdCe,
    AttackKind::ApgdDlr,
    AttackKind::ApgdT,
    AttackKind::FabT,
    AttackKind::Square,
];

#[test]
fn every_attack_lowers_accuracy_and_keeps_to_ball_and_box() {
    let (toy, data) = (train(), data(90, 2));
    let clean = evaluate::standard(&toy, &data, 64, &Control::default()).unwrap();
    assert!(clean.accuracy() > 0.85, "{}", clean.accuracy());
    for kind in KINDS {
        for (norm, epsilon) in RADII {
            let spec = spec(kind, norm, epsilon);
            let attacked = run(&toy, &data, &spec, 50, 0);
            println!("{kind:?} {norm:?} clean {:.3} robust {:.3}", clean.accuracy(), accuracy(&attacked));
            // One L1 step moves a single pixel, which is not enough.
            let weak = kind == AttackKind::Fgsm && norm == Norm::L1;
            assert!(weak || accuracy(&attacked) < clean.accuracy(), "{kind:?} {norm:?} did nothing");
            assert!(
                attacked.audit.max_perturbation <= epsilon * (1.0 + 1e-5),
                "{kind:?} {norm:?} {:?}",
                attacked.audit
            );
            assert!(attacked.audit.min_pixel >= 0.0 && attacked.audit.max_pixel <= 1.0, "{kind:?} {norm:?}");
            assert_eq!(attacked.audit.nan_count, 0);
            assert!(attacked.audit.images_changed > 0);
            check_images(&toy, &data, &attacked, norm, epsilon);
        }
    }
}

/// The images kept are what flags and losses say of them.
fn check_images(toy: &Toy, data: &Dataset, attacked: &attack::DatasetAttacked, norm: Norm, epsilon: f64) {
    let (clean, labels) = data.batch(&(0..data.len()).collect::<Vec<_>>()).unwrap();
    let images = attacked.images.as_ref().unwrap();
    let size = attack::norms::per_image(norm, &(images - clean)).unwrap();
    assert!(size.max().double_value(&[]) <= epsilon * (1.0 + 1e-5));
    let logits = toy.logits(images).unwrap();
    let right = evaluate::bytes(&attack::loss::is_right(&logits, &labels).unwrap()).unwrap();
    assert_eq!(right, attacked.per_image);
    let loss = evaluate::floats(&attack::loss::cross_entropy(&logits, &labels).unwrap()).unwrap();
    for (mine, theirs) in loss.iter().zip(&attacked.losses) {
        assert!((mine - theirs).abs() < 1e-4);
    }
}

#[test]
fn a_radius_of_zero_changes_nothing() {
    let (toy, data) = (train(), data(60, 2));
    let clean = evaluate::standard(&toy, &data, 60, &Control::default()).unwrap();
    for kind in KINDS {
        for (norm, _) in RADII {
            let attacked = run(&toy, &data, &spec(kind, norm, 0.0), 60, 0);
            assert_eq!(attacked.per_image, clean.per_image, "{kind:?} {norm:?}");
            assert_eq!(attacked.audit.images_changed, 0, "{kind:?} {norm:?}");
        }
    }
}

#[test]
fn a_wide_radius_leaves_nothing() {
    let (toy, data) = (train(), data(90, 2));
    let attacked = run(&toy, &data, &spec(AttackKind::Pgd, Norm::Linf, 64.0 / 255.0), 60, 0);
    assert!(accuracy(&attacked) < 0.02, "{}", accuracy(&attacked));
}

#[test]
fn results_do_not_depend_on_batches_or_shards() {
    let (toy, data) = (train(), data(50, 2));
    for kind in KINDS {
        for (norm, epsilon) in RADII {
            let mut spec = spec(kind, norm, epsilon);
            spec.restarts = 2;
            let whole = run(&toy, &data, &spec, 50, 40);
            let small = run(&toy, &data, &spec, 7, 40);
            assert_eq!(whole.per_image, small.per_image, "{kind:?} {norm:?} by batch size");
            let tail = data.subset(&(30..50).collect::<Vec<_>>()).unwrap();
            let shard = run(&toy, &tail, &spec, 16, 70);
            assert_eq!(whole.per_image[30..], shard.per_image[..], "{kind:?} {norm:?} by shard");
            assert_eq!(whole.images.unwrap(), small.images.unwrap(), "{kind:?} {norm:?} images");
            assert_eq!(whole.losses, small.losses, "{kind:?} {norm:?} losses");
        }
    }
}

#[test]
fn passes_that_share_a_batch_give_what_they_give_one_after_the_other() {
    let (toy, data) = (train(), data(20, 2));
    for kind in [AttackKind::Pgd, AttackKind::ApgdT, AttackKind::FabT, AttackKind::Square] {
        for (norm, epsilon) in RADII {
            for to_the_end in [false, true] {
                let spec = AttackSpec { restarts: 3, to_the_end, ..spec(kind, norm, epsilon) };
                // A batch of one image has no room for a second pass, one of 500 for all of them.
                let (alone, together) = (run(&toy, &data, &spec, 1, 0), run(&toy, &data, &spec, 500, 0));
                assert_eq!(together.per_image, alone.per_image, "{kind:?} {norm:?} {to_the_end}");
                assert_eq!(together.images, alone.images, "{kind:?} {norm:?} {to_the_end}");
                assert_eq!(together.losses, alone.losses, "{kind:?} {norm:?} {to_the_end}");
                assert_eq!(together.image_steps, alone.image_steps, "{kind:?} {norm:?} {to_the_end}");
                let zero = |attacked: &attack::DatasetAttacked| attacked.stages[0].zero_gradients;
                assert_eq!(zero(&together), zero(&alone), "{kind:?} {norm:?} {to_the_end}");
            }
        }
    }
}

#[test]
fn a_convolutional_network_gives_nearly_the_same_in_other_batches() {
    // libtorch's convolutions round differently for different batch sizes, so images on the edge may change sides.
    let network = Network::initial(NetworkManifest::plain("resnet18", 4, 10, 32), 3).unwrap();
    let plan = network.plan(PlanOptions::plain(Device::Cpu)).unwrap();
    let pixels =
        rng::uniform_per_image(1, "pixels", &(0..24).collect::<Vec<_>>(), 0, &[3, 32, 32], 0.0, 255.0).unwrap();
    let pixels = pixels.round();
    let labels = plan.logits(&(&pixels / 255.0)).unwrap().argmax(1, false);
    let classes = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(pixels.to_kind(Kind::Uint8), labels, classes, "noise", "test").unwrap();
    let pair = Pair { fast: &plan, judge: &plan };
    let run = |batch_size| {
        let spec = AttackSpec::pgd(0.05, 0.02, 4, 2);
        let attack =
            DatasetAttack { pair: &pair, data: &data, offset: 0, spec: &spec, seed: 7, batch_size, keep_images: true };
        attack::run_dataset(&attack, &Control::default(), &mut |_| {}).unwrap()
    };
    let (whole, small) = (run(24), run(5));
    let differ = whole.per_image.iter().zip(&small.per_image).filter(|(mine, theirs)| mine != theirs).count();
    let gap = (whole.images.as_ref().unwrap() - small.images.as_ref().unwrap()).abs().max().double_value(&[]);
    let loss_gap = whole.losses.iter().zip(&small.losses).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    println!(
        "resnet18: robust {:.3}, {differ} images differ, pixels by {gap:e}, losses by {loss_gap:e}",
        accuracy(&whole)
    );
    assert!(whole.audit.images_changed > 0);
    assert!(differ <= 1, "{differ} of 24");
    assert!(loss_gap < 1e-2, "{loss_gap}");
}

#[test]
fn what_a_coarse_network_claims_is_judged_by_the_exact_one() {
    let (judge, data) = (train(), data(60, 2));
    let coarse = |weight: &Tensor| (weight * 8.0).round() / 8.0;
    let fast = Toy { first: coarse(&judge.first), second: coarse(&judge.second) };
    let pair = Pair { fast: &fast, judge: &judge };
    for kind in KINDS {
        let spec = spec(kind, Norm::Linf, 0.04);
        let attack = DatasetAttack {
            pair: &pair,
            data: &data,
            offset: 0,
            spec: &spec,
            seed: 7,
            batch_size: 32,
            keep_images: true,
        };
        let attacked = attack::run_dataset(&attack, &Control::default(), &mut |_| {}).unwrap();
        check_images(&judge, &data, &attacked, Norm::Linf, 0.04);
    }
}

#[test]
fn to_the_end_attacks_every_image_in_every_step() {
    let (toy, data) = (train(), data(60, 2));
    let mut spec = spec(AttackKind::Pgd, Norm::Linf, 0.02);
    spec.restarts = 2;
    let early = run(&toy, &data, &spec, 32, 0);
    spec.to_the_end = true;
    let whole = run(&toy, &data, &spec, 32, 0);
    assert_eq!(whole.image_steps, 60 * 12 * 2);
    assert!(early.image_steps < whole.image_steps);
    check_images(&toy, &data, &whole, Norm::Linf, 0.02);
    assert!(accuracy(&early) <= accuracy(&whole));
}

#[test]
fn an_image_is_robust_only_if_it_withstands_every_restart() {
    let (toy, data) = (train(), data(60, 2));
    let (images, labels) = data.batch(&(0..60).collect::<Vec<_>>()).unwrap();
    let ids: Vec<u64> = (0..60).collect();
    let batch = Batch { images: &images, labels: &labels, ids: &ids };
    let pair = Pair { fast: &toy, judge: &toy };
    let seed = rng::derive(7, "attack", &[AttackKind::Pgd as u64, 0]);
    let clean = evaluate::standard(&toy, &data, 60, &Control::default()).unwrap().per_image;
    for to_the_end in [true, false] {
        // Few steps from starts far apart, so that restarts differ.
        let one = AttackSpec { steps: 1, step_size: 0.02, to_the_end, ..spec(AttackKind::Pgd, Norm::Linf, 0.3) };
        let withstood = |restart: u64| {
            let attacked = {
                let tries = Tries::new(&batch, restart..restart + 1).unwrap();
                pgd::attempt(&pair, &tries, &one, seed, &Control::default()).unwrap()
            };
            evaluate::bytes(&attacked.robust).unwrap()
        };
        let each = [withstood(0), withstood(1), withstood(2)];
        // Where attacks stop early, an image that is wrong as it is has fallen before.
        let before = |at: usize| if to_the_end { 1 } else { clean[at] };
        let all: Vec<u8> = (0..60).map(|at| each.iter().map(|robust| robust[at]).fold(before(at), u8::min)).collect();
        assert!(each.iter().all(|robust| *robust != all), "no restart alone does it all");
        assert_eq!(run(&toy, &data, &AttackSpec { restarts: 3, ..one }, 60, 0).per_image, all, "{to_the_end}");
    }
}

#[test]
fn a_batch_attacked_alone_gives_what_the_data_set_gives() {
    let (toy, data) = (train(), data(40, 2));
    let spec = spec(AttackKind::Pgd, Norm::Linf, 0.02);
    let whole = run(&toy, &data, &spec, 40, 3);
    let (images, labels) = data.batch(&(0..40).collect::<Vec<_>>()).unwrap();
    let ids: Vec<u64> = (3..43).collect();
    let batch = Batch { images: &images, labels: &labels, ids: &ids };
    let pair = Pair { fast: &toy, judge: &toy };
    let alone = attack::attack(&pair, &batch, &spec, 7, &Control::default()).unwrap();
    assert_eq!(evaluate::bytes(&alone.robust).unwrap(), whole.per_image);
    assert_eq!(alone.images, whole.images.unwrap());
}

#[test]
fn progress_rises_to_the_number_of_images() {
    let (toy, data) = (train(), data(90, 2));
    let mut spec = spec(AttackKind::Pgd, Norm::Linf, 0.02);
    spec.restarts = 3;
    let pair = Pair { fast: &toy, judge: &toy };
    let attack =
        DatasetAttack { pair: &pair, data: &data, offset: 0, spec: &spec, seed: 7, batch_size: 16, keep_images: false };
    let mut seen = Vec::new();
    let attacked = attack::run_dataset(&attack, &Control::default(), &mut |standing| seen.push(standing.done)).unwrap();
    assert!(seen.windows(2).all(|pair| pair[0] <= pair[1]), "{seen:?}");
    assert_eq!(seen.last(), Some(&90));
    assert!(attacked.images.is_none());
}

#[test]
fn a_cancelled_attack_stops() {
    let (toy, data) = (train(), data(90, 2));
    let spec = spec(AttackKind::Pgd, Norm::Linf, 0.02);
    let pair = Pair { fast: &toy, judge: &toy };
    let attack =
        DatasetAttack { pair: &pair, data: &data, offset: 0, spec: &spec, seed: 7, batch_size: 16, keep_images: false };
    let control = Control::default();
    let handle = control.clone();
    let mut batches = 0;
    let stopped = attack::run_dataset(&attack, &control, &mut |_| {
        batches += 1;
        handle.cancel();
    });
    assert!(matches!(stopped, Err(EngineError::Cancelled)));
    assert_eq!(batches, 1);
}

/// A network whose scores are not numbers.
struct Broken;

impl Classifier for Broken {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        Ok(images.f_flatten(1, -1)?.f_narrow(1, 0, toy::CLASSES)?.f_mul_scalar(f64::NAN)?)
    }

    fn device(&self) -> Device {
        Device::Cpu
    }
}

#[test]
fn scores_that_are_not_numbers_fail_the_attack() {
    let data = data(10, 2);
    let spec = spec(AttackKind::Pgd, Norm::Linf, 0.02);
    let pair = Pair { fast: &Broken, judge: &Broken };
    let attack =
        DatasetAttack { pair: &pair, data: &data, offset: 0, spec: &spec, seed: 7, batch_size: 16, keep_images: false };
    let refused = attack::run_dataset(&attack, &Control::default(), &mut |_| {});
    assert!(matches!(refused, Err(EngineError::Numeric { .. })));
}
