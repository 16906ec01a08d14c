//! Networks against golden values made by `test/golden/networks/make.py` in PyTorch.

#![allow(clippy::unwrap_used, missing_docs)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rift_engine::attack::{pgd, Loss};
use rift_engine::checkpoint::{read_pth, read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::net::exec::BatchNorm;
use rift_engine::net::zoo::{self, Shape};
use rift_engine::net::{passes, Classifier, Executor, Format, Network, PlanOptions};
use tch::{Device, Kind, Tensor};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/networks").join(format!("{name}.safetensors"))
}

struct Case {
    network: Network,
    tensors: StateDict,
}

fn load(name: &str, arch: &str, width: i64, classes: i64, input_size: i64) -> Case {
    // Tensors this small gain nothing from threads, and tests already run side by side.
    tch::set_num_threads(1);
    let (tensors, _) = read_safetensors(&golden(name)).unwrap();
    let pth = golden(name).with_extension("pth");
    // One of them is saved as its authors do, with weights that no forward pass reads.
    let state: StateDict = if pth.exists() {
        let read = read_pth(&pth).unwrap().tensors;
        read.into_iter().filter(|(key, _)| !key.starts_with("sub_block1.")).collect()
    } else {
        let named =
            |(key, tensor): (&str, &Tensor)| Some((key.strip_prefix("state/")?.to_string(), tensor.shallow_clone()));
        tensors.iter().filter_map(named).collect()
    };
    let preprocess = Preprocess::named("cifar10").unwrap();
    let manifest = NetworkManifest { preprocess, ..NetworkManifest::plain(arch, width, classes, input_size) };
    Case { network: Network::from_state(manifest, state, &golden(name)).unwrap(), tensors }
}

fn cases() -> Vec<(&'static str, Case)> {
    vec![
        ("resnet18", load("resnet18", "resnet18", 4, 10, 32)),
        ("resnet34", load("resnet34", "resnet34", 2, 7, 32)),
        ("resnet18-64px", load("resnet18-64px", "resnet18", 2, 5, 64)),
        ("preact-resnet18", load("preact-resnet18", "preact-resnet18", 4, 10, 32)),
        ("preact-resnet18-64px", load("preact-resnet18-64px", "preact-resnet18", 2, 6, 64)),
        ("wrn-34-10", load("wrn-34-10", "wrn-34-10", 1, 10, 32)),
        ("wrn-28-10", load("wrn-28-10", "wrn-28-10", 1, 3, 32)),
        ("wrn-28-10-64px", load("wrn-28-10-64px", "wrn-28-10", 1, 4, 64)),
        ("wrn-28-10-silu", load("wrn-28-10-silu", "wrn-28-10-silu", 1, 10, 32)),
    ]
}

/// What PyTorch says of the networks in their published form.
fn published() -> serde_json::Value {
    let text = std::fs::read_to_string(golden("published").with_extension("json")).unwrap();
    serde_json::from_str(&text).unwrap()
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
fn every_layer_gives_what_pytorch_gives() {
    for (name, case) in cases() {
        let images = case.tensors.get("images").unwrap();
        let executor = Executor::bind(&case.network.graph, &case.network.state, Format::PLAIN).unwrap();
        let (mut values, mut from, mut compared) = (HashMap::default(), 0, 0);
        for (module, node) in executor.graph().modules() {
            values = tch::no_grad(|| executor.advance(images, values, from, node + 1)).unwrap();
            from = node + 1;
            let output = values.get(&node).unwrap().get(0).contiguous().flatten(0, -1);
            let expected = case.tensors.get(&format!("layer/{module}")).unwrap();
            let kept = expected.numel() as i64;
            let stride = (output.numel() as i64 / 48).max(1);
            let thinned = output.slice(0, 0, stride * (kept - 1) + 1, stride);
            assert!(gap(&thinned, expected) < 1e-4, "{name} {module}");
            compared += 1;
        }
        let golden = case.tensors.names().filter(|key| key.starts_with("layer/")).count();
        assert_eq!(compared, golden, "{name}");
    }
}

#[test]
fn half_precision_stays_close_where_batch_norm_precedes_the_convolution() {
    for (name, case) in cases() {
        let format = Format { kind: Kind::BFloat16, channels_last: true };
        let plan = case.network.plan(PlanOptions { format, fold: true, device: Device::Cpu, lanes: 1 }).unwrap();
        let logits = tch::no_grad(|| plan.logits(case.tensors.get("images").unwrap())).unwrap();
        let expected = case.tensors.get("logits").unwrap();
        let error = (&logits - expected).norm().double_value(&[]) / expected.norm().double_value(&[]);
        assert!(error < 0.05, "{name}: {error}");
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
        let counters = case.network.state.iter().filter(|(key, _)| key.ends_with("num_batches_tracked"));
        assert!(counters.map(|(_, counter)| i64::try_from(counter).unwrap()).all(|count| count == 1), "{name}");
    }
}

#[test]
fn a_cached_prefix_gives_the_same_logits_at_every_cut_and_is_left_unchanged() {
    for (name, case) in cases().into_iter().filter(|(name, _)| !name.ends_with("64px")) {
        let folded = passes::fold_batch_norm(&case.network.graph, &case.network.state).unwrap();
        let executor = Executor::bind(&folded.graph, &folded.state, Format::PLAIN).unwrap();
        let images = &case.tensors.get("images").unwrap().narrow(0, 0, 1);
        let expected = &case.tensors.get("logits").unwrap().narrow(0, 0, 1);
        let mut values = HashMap::default();
        for cut in 1..executor.graph().nodes.len() {
            values = tch::no_grad(|| executor.advance(images, values, cut - 1, cut)).unwrap();
            for _ in 0..2 {
                let logits = tch::no_grad(|| executor.suffix(&values, cut, &[].into())).unwrap();
                assert!(gap(&logits, expected) < 1e-4, "{name} cut {cut}");
            }
        }
    }
}

#[test]
fn parameters_names_and_modules_are_those_of_the_published_networks() {
    let published = published();
    assert_eq!(published.as_object().unwrap().len(), zoo::ARCHITECTURES.len());
    for (arch, expected) in published.as_object().unwrap() {
        let manifest = NetworkManifest {
            width: zoo::default_width(arch),
            arch: arch.clone(),
            ..load("resnet18", "resnet18", 4, 10, 32).network.manifest
        };
        let shape = Shape { width: manifest.width, classes: 10, input_size: 32 };
        let graph = zoo::build(arch, &shape, &manifest.preprocess).unwrap();
        let parameters: i64 =
            graph.tensors.iter().filter(|spec| spec.trainable).map(|spec| spec.shape.iter().product::<i64>()).sum();
        assert_eq!(serde_json::json!(parameters), expected["parameters"], "{arch}");
        let modules: Vec<String> = graph.modules().into_iter().map(|(name, _)| name).collect();
        assert_eq!(serde_json::json!(modules), expected["modules"], "{arch}");
        let tensors: Vec<&String> = graph.tensors.iter().map(|spec| &spec.name).collect();
        assert_eq!(serde_json::json!(tensors), expected["tensors"], "{arch}");
    }
    assert_eq!(published["wrn-34-10"]["parameters"], 46_160_474);
    assert_eq!(published["wrn-34-10"]["modules"].as_array().unwrap().len(), 35);
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
