//! Networks against golden values made by `test/golden/networks/make.py` in PyTorch.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use rift_engine::attack::{pgd, Loss};
use rift_engine::checkpoint::{read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::net::exec::BatchNorm;
use rift_engine::net::{Classifier, Executor, Format, Network, PlanOptions};
use tch::{Device, Kind, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/networks").join(format!("{name}.safetensors"))
}

struct Case {
    network: Network,
    tensors: StateDict,
}

fn load(name: &str, arch: &str, width: i64, classes: i64, input_size: i64) -> Case {
    let (tensors, _) = read_safetensors(&golden(name)).unwrap();
    let state = tensors
        .iter()
        .filter_map(|(key, tensor)| Some((key.strip_prefix("state/")?.to_string(), tensor.shallow_clone())))
        .collect();
    let manifest = NetworkManifest {
        kind: "network".into(),
        arch: arch.into(),
        width,
        classes,
        input_size,
        preprocess: Preprocess::named("cifar10").unwrap(),
        class_names: vec![],
        metrics: [].into(),
        parents: vec![],
        notes: [].into(),
    };
    Case { network: Network::from_state(manifest, state, &golden(name)).unwrap(), tensors }
}

fn cases() -> Vec<(&'static str, Case)> {
    vec![
        ("resnet18", load("resnet18", "resnet18", 4, 10, 32)),
        ("resnet34", load("resnet34", "resnet34", 2, 7, 32)),
        ("resnet18-64px", load("resnet18-64px", "resnet18", 2, 5, 64)),
    ]
}

fn gap(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn plans() -> [PlanOptions; 5] {
    let plain = PlanOptions::plain(Device::Cpu);
    let channels_last = PlanOptions { format: Format { kind: Kind::Float, channels_last: true }, ..plain };
    let folded = PlanOptions { fold: true, ..channels_last };
    [plain, channels_last, folded, PlanOptions { lanes: 2, ..plain }, PlanOptions { lanes: 3, ..folded }]
}

#[test]
fn logits_and_input_gradients_equal_pytorch_in_every_float32_plan() {
    for (name, case) in cases() {
        let images = case.tensors.get("images").unwrap();
        let labels = case.tensors.get("labels").unwrap();
        for options in plans() {
            let plan = case.network.plan(options).unwrap();
            let (logits, gradient) = pgd::gradient(&plan, images, labels, &Loss::CrossEntropy).unwrap();
            let scale = case.tensors.get("gradient").unwrap().abs().max().double_value(&[]);
            assert!(gap(&logits, case.tensors.get("logits").unwrap()) < 1e-4, "{name} {options:?}");
            assert!(gap(&gradient, case.tensors.get("gradient").unwrap()) < 1e-3 * scale, "{name} {options:?}");
        }
    }
}

#[test]
fn train_mode_normalises_with_batch_statistics_and_moves_the_running_ones_as_pytorch_does() {
    for (name, case) in cases() {
        let executor = Executor::bind(&case.network.graph, &case.network.state, Format::PLAIN).unwrap();
        let logits = tch::no_grad(|| executor.forward(case.tensors.get("images").unwrap(), BatchNorm::Train)).unwrap();
        assert!(gap(&logits, case.tensors.get("train_logits").unwrap()) < 1e-3, "{name}");
        for (key, expected) in case.tensors.iter().filter_map(|(key, t)| Some((key.strip_prefix("moved/")?, t))) {
            assert!(gap(case.network.state.get(key).unwrap(), expected) < 1e-4, "{name} {key}");
        }
        let counter = case.network.state.get("bn1.num_batches_tracked").unwrap();
        assert_eq!(i64::try_from(counter).unwrap(), 1);
    }
}

#[test]
fn a_cached_prefix_gives_the_same_logits_at_every_cut_and_is_left_unchanged() {
    let case = load("resnet18", "resnet18", 4, 10, 32);
    let plan = case.network.plan(plans()[2]).unwrap();
    let executor = plan.executor();
    let images = case.tensors.get("images").unwrap();
    let expected = tch::no_grad(|| plan.logits(images)).unwrap();
    for cut in 1..executor.graph().nodes.len() {
        let values = tch::no_grad(|| executor.advance(images, [].into(), 0, cut)).unwrap();
        for _ in 0..2 {
            let logits = tch::no_grad(|| executor.suffix(&values, cut, &[].into())).unwrap();
            assert!(gap(&logits, &expected) < 1e-5, "cut {cut}");
        }
    }
}

#[test]
fn parameter_counts_and_module_counts_are_the_published_ones() {
    for (arch, parameters, modules) in [("resnet18", 11_173_962, 21), ("resnet34", 21_282_122, 37)] {
        let manifest = NetworkManifest {
            width: 64,
            arch: arch.into(),
            ..load("resnet18", "resnet18", 4, 10, 32).network.manifest
        };
        let network = Network::initial(manifest, 0).unwrap();
        assert_eq!((network.parameters(), network.module_names().len()), (parameters, modules), "{arch}");
    }
}

#[test]
fn a_checkpoint_that_does_not_fit_is_refused_with_the_names_that_do_not() {
    let case = load("resnet18", "resnet18", 4, 10, 32);
    let mut manifest = case.network.manifest.clone();
    manifest.classes = 100;
    let refused = Network::from_state(manifest, case.network.state.deep_copy().unwrap(), Path::new("a.pth"));
    let text = refused.unwrap_err().to_string();
    assert!(text.contains("linear.weight has shape [10, 32], expected [100, 32]"), "{text}");
    assert!(text.contains("check --arch, --width, --classes"), "{text}");
}
