//! What is computed faster is judged the same: half precision, folding, lanes and stopping early against the plain path on
//! the sample's network and pictures, and the plain path against PyTorch's iterates.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_criticality;

use std::path::{Path, PathBuf};

use rift_engine::attack::{attack, run_dataset, Batch, DatasetAttack, Pair};
use rift_engine::checkpoint::read_safetensors;
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::criticality::measure;
use rift_engine::data::{self, Dataset, Format};
use rift_engine::evaluate;
use rift_engine::net::Network;
use rift_engine::spec::{AscentMethod, AttackKind, AttackSpec, ComputeSpec, CriticalitySpec, Precision};
use tch::Tensor;

const IMAGES: i64 = 200;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../..").join(path)
}

fn compute(precision: Precision, threads: u32, plain: bool) -> Compute {
    Compute::resolve(&ComputeSpec {
        device: "cpu".into(),
        precision,
        batch_size: 64,
        threads,
        plain,
        ..ComputeSpec::default()
    })
    .unwrap()
}

/// Images of `data` that `network` withstands `spec` on.
fn robust(network: &Network, data: &Dataset, spec: &AttackSpec, compute: &Compute) -> Vec<u8> {
    let (fast, judge) = (compute.fast_plan(network).unwrap(), compute.judge_plan(network).unwrap());
    let attack = DatasetAttack {
        pair: &Pair { fast: &fast, judge: &judge },
        data,
        offset: 0,
        spec: &compute.attack(spec),
        seed: 3,
        batch_size: compute.batch_size,
        keep_images: false,
    };
    run_dataset(&attack, &Control::default(), &mut |_| {}).unwrap().per_image
}

fn sample() -> (Network, Dataset) {
    let network = Network::read(&at("samples/resnet18-w16.safetensors")).unwrap();
    let data = data::load(&at("samples/cifar10"), Format::Cifar10, "test").unwrap().first(IMAGES).unwrap();
    (network, data)
}

fn count(robust: &[u8]) -> i64 {
    robust.iter().map(|one| i64::from(*one)).sum()
}

#[test]
fn half_precision_and_lanes_leave_the_judged_accuracies_of_the_plain_path() {
    let (network, data) = sample();
    let spec = AttackSpec { to_the_end: true, ..AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 10, 1) };
    let plain = compute(Precision::Fp32, 2, true);
    let expected = count(&robust(&network, &data, &spec, &plain));
    let clean = |compute: &Compute| {
        let judge = compute.judge_plan(&network).unwrap();
        evaluate::standard(&judge, &data, 64, &Control::default()).unwrap().per_image
    };
    let clean_plain = clean(&plain);
    for (precision, threads) in [(Precision::Fp32, 2), (Precision::Bf16, 1), (Precision::Bf16, 2)] {
        let fast = compute(precision, threads, false);
        assert_eq!(
            clean(&fast),
            clean_plain,
            "{precision:?} on {threads} threads: judged in float32 on the same network"
        );
        let found = count(&robust(&network, &data, &spec, &fast));
        // One image in a hundred: rounding turns signs of small gradients, which moves images at the border.
        assert!((found - expected).abs() <= IMAGES / 100, "{precision:?} on {threads} threads: {found} for {expected}");
    }
}

#[test]
fn the_attacks_of_lists_are_judged_as_on_the_plain_path() {
    let (network, data) = sample();
    let data = data.first(32).unwrap();
    let clean = evaluate::standard(
        &compute(Precision::Fp32, 2, true).judge_plan(&network).unwrap(),
        &data,
        32,
        &Control::default(),
    );
    let clean = i64::from(clean.unwrap().correct);
    for (kind, steps, targets) in [
        (AttackKind::ApgdCe, 20, 0),
        (AttackKind::ApgdT, 10, 9),
        (AttackKind::FabT, 10, 9),
        (AttackKind::Square, 150, 0),
    ] {
        let spec = AttackSpec { kind, targets, ..AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, steps, 1) };
        // To the end, every pass by itself, one query after the other.
        let expected = count(&robust(&network, &data, &spec, &compute(Precision::Fp32, 2, true)));
        assert!(expected < clean, "{kind:?} finds something");
        for precision in [Precision::Fp32, Precision::Bf16] {
            let found = count(&robust(&network, &data, &spec, &compute(precision, 2, false)));
            assert!((found - expected).abs() <= 1, "{kind:?} {precision:?}: {found} for {expected}");
        }
    }
}

#[test]
fn stopping_at_the_first_success_only_adds_the_images_fooled_on_the_way() {
    let (network, data) = sample();
    let early = AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 10, 1);
    let fast = compute(Precision::Fp32, 2, false);
    let stopped = robust(&network, &data, &early, &fast);
    let ended = robust(&network, &data, &AttackSpec { to_the_end: true, ..early }, &fast);
    let won_back = stopped.iter().zip(&ended).filter(|(stopped, ended)| stopped > ended).count();
    assert_eq!(won_back, 0, "an image that falls at the end has fallen by then");
    assert!(count(&ended) - count(&stopped) <= IMAGES / 50, "{} for {}", count(&stopped), count(&ended));
}

#[test]
fn the_plain_path_in_float32_reproduces_pytorchs_iterates() {
    let (tensors, _) = read_safetensors(&at("test/golden/networks/resnet18.safetensors")).unwrap();
    let (golden, _) = read_safetensors(&at("test/golden/iterates/pgd.safetensors")).unwrap();
    let network = golden_criticality::network(&tensors, 4);
    let plain = compute(Precision::Fp32, 1, true);
    let (fast, judge) = (plain.fast_plan(&network).unwrap(), plain.judge_plan(&network).unwrap());
    let (images, labels) = (tensors.require("images").unwrap(), tensors.require("labels").unwrap());
    let batch = Batch { images, labels, ids: &[0, 1, 2, 3] };
    // Asked to stop early, which the plain path does not.
    let spec = AttackSpec { random_start: false, ..AttackSpec::pgd(8.0 / 255.0, 2.0 / 255.0, 10, 1) };
    let pair = Pair { fast: &fast, judge: &judge };
    let attacked = attack(&pair, &batch, &plain.attack(&spec), 0, &Control::default()).unwrap();
    let apart = |ours: &Tensor, theirs: &str, by: f64| {
        let gap = (ours - golden.require(theirs).unwrap()).abs();
        gap.gt(by).to_kind(tch::Kind::Float).mean(tch::Kind::Float).double_value(&[])
    };
    // Another processor's kernels may round a gradient near zero to the other sign.
    assert!(apart(&attacked.images, "adv", 1e-6) <= 0.002, "{}", apart(&attacked.images, "adv", 1e-6));
    assert!(apart(&attacked.loss, "loss", 1e-2) == 0.0);
}

#[test]
fn criticality_on_the_plain_path_is_that_with_folding_caches_lanes_and_half_precision() {
    let (network, set) = golden_criticality::load();
    for ascent in [AscentMethod::SgdEpoch, AscentMethod::SgdStop, AscentMethod::NormalizedGradient] {
        let spec = CriticalitySpec {
            epochs: 3,
            // Several mini-batches, so that shuffled rows of cached activations are met.
            batch_size: 20,
            modules: ["conv1", "layer2.0.shortcut.0", "layer4.1.conv2", "linear"].map(String::from).to_vec(),
            ..golden_criticality::spec(ascent)
        };
        let mrc = |compute: &Compute| {
            golden_criticality::by_name(&measure(&network, &set, &spec, compute, &Control::default()).unwrap())
        };
        let plain = mrc(&compute(Precision::Fp32, 1, true));
        for (precision, share) in [(Precision::Fp32, 0.01), (Precision::Bf16, 0.02)] {
            let fast = mrc(&compute(precision, 2, false));
            for (module, value) in &plain {
                assert!(
                    (fast[module] - value).abs() <= share * value.abs() + 1e-5,
                    "{ascent:?} {precision:?} {module}: {} for {value}",
                    fast[module]
                );
            }
        }
    }
}

#[test]
fn caches_that_move_to_files_change_nothing() {
    let (network, set) = golden_criticality::load();
    let spec = CriticalitySpec {
        modules: ["layer1.0.conv2", "layer1.1.conv1", "layer4.0.conv1"].map(String::from).to_vec(),
        epochs: 2,
        ..golden_criticality::spec(AscentMethod::NormalizedGradient)
    };
    let roomy = compute(Precision::Fp32, 2, false);
    // The activations before layer1 are larger than that, those before layer4 are not.
    let narrow = Compute { memory: 64 << 10, ..roomy };
    let mrc = |compute: &Compute| {
        golden_criticality::by_name(&measure(&network, &set, &spec, compute, &Control::default()).unwrap())
    };
    assert_eq!(mrc(&narrow), mrc(&roomy));
}
