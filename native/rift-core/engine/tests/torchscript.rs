//! TorchScript networks against `test/golden/torchscript`, made by PyTorch, and against the operator graph of the same
//! network: attack, criticality, fine-tuning, interpolation, training, files.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_criticality;

use std::path::{Path, PathBuf};

use rift_engine::attack::{pgd, Batch, Loss, Pair};
use rift_engine::checkpoint::{read_pth, read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{save_split, Dataset};
use rift_engine::jobs;
use rift_engine::net::{script, BatchNorm, Classifier, Format, Network, PlanOptions};
use rift_engine::spec::{
    AscentMethod, AttackSpec, AugmentSpec, ComputeSpec, CriticalitySpec, OptimizerSpec, PaddingMode, Precision,
    ScheduleKind, TrainMethod, TrainSpec,
};
use rift_engine::train::adversarial::{train, Inputs};
use rift_engine::train::reestimate;
use serde_json::{json, Value};
use tch::{Device, Kind, Tensor};

fn golden(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden").join(file)
}

fn manifest(arch: &str, classes: i64, preprocess: &str) -> NetworkManifest {
    let (width, preprocess) = (if arch == "torchscript" { 1 } else { 4 }, Preprocess::named(preprocess).unwrap());
    NetworkManifest { preprocess, ..NetworkManifest::plain(arch, width, classes, 32) }
}

fn program(file: &str, manifest: NetworkManifest) -> Network {
    script::allow();
    tch::set_num_threads(1);
    let path = golden(file);
    Network::from_program(manifest, std::fs::read(&path).unwrap(), &path).unwrap()
}

fn small() -> (Network, StateDict) {
    let (tensors, _) = read_safetensors(&golden("torchscript/small.safetensors")).unwrap();
    (program("torchscript/small.pt", manifest("torchscript", 6, "none")), tensors)
}

fn small_data(tensors: &StateDict) -> Dataset {
    let classes = (0..6).map(|class| class.to_string()).collect();
    let tensor = |name: &str| tensors.get(name).unwrap().shallow_clone();
    Dataset::new(tensor("pixels"), tensor("labels"), classes, "golden", "train").unwrap()
}

/// The ResNet-18 of `state` as a program and as an operator graph.
fn twins(state: &StateDict) -> [Network; 2] {
    let script = program("torchscript/resnet18.pt", manifest("torchscript", 10, "cifar10"));
    let path = Path::new("golden");
    let graph = Network::from_state(manifest("resnet18", 10, "cifar10"), state.deep_copy().unwrap(), path).unwrap();
    [script.with_state(graph.state.deep_copy().unwrap()).unwrap(), graph]
}

fn gap(a: &Tensor, b: &Tensor) -> f64 {
    (a - b).abs().max().double_value(&[])
}

fn fp32() -> Compute {
    let spec = ComputeSpec { precision: Precision::Fp32, plain: true, threads: 1, ..ComputeSpec::default() };
    Compute::resolve(&spec).unwrap()
}

fn run(kind: &str, request: &Value) -> Value {
    serde_json::from_str(&jobs::run(kind, &request.to_string(), &Control::default()).unwrap()).unwrap()
}

#[test]
fn logits_gradients_and_an_attack_equal_pytorchs() {
    let (network, tensors) = small();
    let plan = network.plan(PlanOptions::plain(Device::Cpu)).unwrap();
    let data = small_data(&tensors);
    let (images, labels) = data.batch(&(0..32).collect::<Vec<_>>()).unwrap();
    let logits = tch::no_grad(|| plan.logits(&images)).unwrap();
    assert!(gap(&logits, tensors.get("logits").unwrap()) < 1e-4);
    let ids: Vec<u64> = (0..32).collect();
    let attack =
        AttackSpec { random_start: false, to_the_end: true, ..AttackSpec::pgd(2.0 / 255.0, 0.5 / 255.0, 10, 1) };
    let mut adversarial = images.shallow_clone();
    for _ in 0..attack.steps {
        let (_, gradient) = pgd::gradient(&plan, &adversarial, &labels, &Loss::CrossEntropy).unwrap();
        adversarial = pgd::step(&images, &adversarial, &gradient, &attack).unwrap();
    }
    assert!(gap(&adversarial, tensors.get("adversarial").unwrap()) < 1e-5);
    let batch = Batch { images: &images, labels: &labels, ids: &ids };
    let pair = Pair { fast: &plan, judge: &plan };
    let attacked = rift_engine::attack::attack(&pair, &batch, &attack, 0, &Control::default()).unwrap();
    let expected = tensors.get("adversarial_logits").unwrap().argmax(1, false).eq_tensor(&labels);
    assert_eq!(attacked.robust, expected);
}

#[test]
fn train_mode_moves_the_running_statistics_as_pytorch_does_and_untracked_leaves_them() {
    let (network, tensors) = small();
    let images = small_data(&tensors).batch(&(0..32).collect::<Vec<_>>()).unwrap().0;
    let model = network.bind(Format::PLAIN).unwrap();
    let before = network.state.deep_copy().unwrap();
    let expected = tensors.get("train_logits").unwrap();
    let logits = tch::no_grad(|| model.forward(&images, BatchNorm::TrainUntracked)).unwrap();
    assert!(gap(&logits, expected) < 1e-4);
    assert_eq!(network.state.digest().unwrap(), before.digest().unwrap());
    let logits = tch::no_grad(|| model.forward(&images, BatchNorm::Train)).unwrap();
    assert!(gap(&logits, expected) < 1e-4);
    assert!(gap(network.state.get("norm.running_mean").unwrap(), tensors.get("moved_mean").unwrap()) < 1e-5);
    assert!(gap(network.state.get("norm.running_var").unwrap(), tensors.get("moved_var").unwrap()) < 1e-5);
}

/// Every weight of more than one dimension is a module, whatever its name; estimates are radius × gradient norm.
#[test]
fn modules_are_parameters_by_name_and_their_estimates_come_from_pytorchs_gradients() {
    let (network, tensors) = small();
    assert_eq!(network.module_names(), ["mixer", "stem", "body", "head"]);
    let set = rift_engine::data::AdversarialSet {
        adv: tensors.get("adversarial").unwrap().shallow_clone(),
        y: tensors.get("labels").unwrap().shallow_clone(),
        index: Tensor::arange(32, (Kind::Int64, Device::Cpu)),
        manifest: rift_engine::data::AdversarialManifest::imported(),
    };
    let spec = CriticalitySpec { estimate_only: true, ..golden_criticality::spec(AscentMethod::NormalizedGradient) };
    let measured = golden_criticality::run(&network, &set, &spec);
    assert!((measured.base_loss - tensors.get("loss").unwrap().double_value(&[])).abs() < 1e-5);
    for estimate in &measured.estimates {
        let name = network.weight_name(&estimate.name);
        let norm = |tensor: &Tensor| tensor.norm().double_value(&[]);
        let gradient = norm(tensors.get(&format!("gradient/{name}")).unwrap());
        let expected = 0.1 * norm(network.state.get(&name).unwrap()) * gradient;
        assert!((estimate.first_order / expected - 1.0).abs() < 1e-3, "{name}");
    }
}

#[test]
fn criticality_of_a_program_is_that_of_the_same_network_as_a_graph_and_leaves_it_unchanged() {
    let (network, set) = golden_criticality::load();
    let [script, graph] = twins(&network.state);
    let before = script.state.digest().unwrap();
    for ascent in [AscentMethod::SgdEpoch, AscentMethod::NormalizedGradient] {
        let spec = CriticalitySpec {
            modules: ["conv1", "layer2.0.shortcut.0", "layer3.1.conv2", "linear"].map(String::from).to_vec(),
            epochs: 3,
            starts: 1,
            ..golden_criticality::spec(ascent)
        };
        let found = [&script, &graph].map(|network| golden_criticality::run(network, &set, &spec));
        assert!((found[0].base_loss - found[1].base_loss).abs() < 1e-5);
        for module in &spec.modules {
            let [a, b] = found.each_ref().map(|found| golden_criticality::by_name(found)[module]);
            assert!((a - b).abs() < 0.01 * b.abs() + 1e-4, "{module} with {ascent:?}: {a} for {b}");
        }
    }
    assert_eq!(script.state.digest().unwrap(), before);
}

#[test]
fn training_a_program_follows_pytorchs_trajectory() {
    let (tensors, _) = read_safetensors(&golden("training/trajectories.safetensors")).unwrap();
    let group = |prefix: &str| -> StateDict {
        let named =
            |(key, tensor): (&str, &Tensor)| Some((key.strip_prefix(prefix)?.to_string(), tensor.shallow_clone()));
        tensors.iter().filter_map(named).collect()
    };
    let classes = (0..10).map(|class| class.to_string()).collect();
    let tensor = |name: &str| tensors.get(name).unwrap().shallow_clone();
    let data = Dataset::new(tensor("pixels"), tensor("labels"), classes, "golden", "train").unwrap();
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
    let standard = TrainSpec::standard(4, 16, optimizer, augment, 1);
    let spec = TrainSpec { method: TrainMethod::Pgd, attack: Some(attack), ..standard };
    let [mut network, _] = twins(&group("start/"));
    let inputs = Inputs { train: &data, extra: None, selection: None, spec: &spec, checkpoint: None, tuning: None };
    let trained = train(&mut network, &inputs, &fp32(), &Control::default()).unwrap();
    for (record, expected) in trained.epochs.iter().zip(Vec::<f32>::try_from(tensor("pgd-losses")).unwrap()) {
        assert!((record.loss - f64::from(expected)).abs() < 2e-3, "{} for {expected}", record.loss);
    }
    for (key, expected) in group("pgd/").iter().filter(|(key, _)| key.ends_with("weight")) {
        let way = gap(expected, tensors.get(&format!("start/{key}")).unwrap());
        assert!(gap(network.state.get(key).unwrap(), expected) < 0.2 * way, "{key}");
    }
}

#[test]
fn reestimated_statistics_of_a_program_are_those_of_the_graph() {
    let (network, set) = golden_criticality::load();
    let pixels = (&set.adv * 255.0).round().to_kind(Kind::Uint8);
    let classes = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(pixels, set.y.shallow_clone(), classes, "golden", "train").unwrap();
    let mut twins = twins(&network.state);
    for network in &mut twins {
        reestimate::batch_norm(network, &data, &fp32(), &Control::default()).unwrap();
    }
    for (name, expected) in twins[1].state.iter().filter(|(name, _)| name.contains("running_")) {
        let error = gap(twins[0].state.get(name).unwrap(), expected) / expected.abs().max().double_value(&[]);
        assert!(error < 1e-3, "{name}: {error}");
    }
}

/// The whole way of a file: import, fine-tune one module, walk the line, export.
#[test]
fn a_program_is_imported_fine_tuned_in_one_module_interpolated_and_exported() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let (original, tensors) = small();
    let data = small_data(&tensors);
    save_split(&data, "golden", &at("split")).unwrap();
    let info = run(
        "importNetwork",
        &json!({
            "path": golden("torchscript/small.pt"), "fileName": "small.pt", "arch": "torchscript", "width": 0, "classes": 6,
            "inputSize": 32, "preprocess": {"name": "none", "mean": [], "standardDeviation": []}, "classNames": [],
            "output": at("network"),
        }),
    );
    assert_eq!(info["arch"], "torchscript");
    assert!(info["notes"][0].as_str().unwrap().contains("program"));
    let compute =
        json!({"device": "cpu", "precision": "PRECISION_AUTO", "batchSize": 16, "threads": 1, "plain": false});
    let optimizer = json!({"learningRate": 0.05, "momentum": 0.9, "weightDecay": 0.0005, "nesterov": false,
        "schedule": "SCHEDULE_KIND_CONSTANT", "milestones": [], "gamma": 0.1, "pctStart": 0.0});
    run(
        "fineTune",
        &json!({
            "network": {"path": at("network"), "blend": null}, "train": {"path": at("split"), "offset": 0, "limit": 0},
            "selection": null, "compute": compute, "output": at("tuned"), "checkpoint": null,
            "spec": {"scope": "FINE_TUNE_SCOPE_MODULES", "modules": ["mixer"], "epochs": 1, "batchSize": 16,
                "optimizer": optimizer, "augment": {"padding": 0, "paddingMode": "PADDING_MODE_ZERO", "flip": false},
                "batchNorm": "BATCH_NORM_MODE_FREEZE", "trustRegion": 0.0, "keepBest": false, "seed": 1},
        }),
    );
    let tuned = Network::read(&at("tuned")).unwrap();
    for (name, before) in original.state.iter() {
        assert_eq!(tuned.state.get(name).unwrap() == before, name != "mixer", "{name}");
    }
    let points: Vec<PathBuf> = ["at0", "at5", "at1"].map(at).to_vec();
    run(
        "interpolate",
        &json!({"fromPath": at("network"), "toPath": at("tuned"), "alphas": [0.0, 0.5, 1.0], "outputs": points}),
    );
    let points: Vec<Network> = points.iter().map(|path| Network::read(path).unwrap()).collect();
    assert_eq!(points[0].state.digest().unwrap(), original.state.digest().unwrap());
    assert_eq!(points[2].state.digest().unwrap(), tuned.state.digest().unwrap());
    let middle = (original.state.get("mixer").unwrap() + tuned.state.get("mixer").unwrap()) * 0.5;
    assert!(gap(points[1].state.get("mixer").unwrap(), &middle) < 1e-6);
    for (format, file) in [("TORCHSCRIPT", "out.pt"), ("PTH", "out.pth")] {
        run(
            "exportNetwork",
            &json!({"path": at("tuned"), "format": format!("EXPORT_FORMAT_{format}"), "output": at(file)}),
        );
    }
    let bytes = std::fs::read(at("out.pt")).unwrap();
    let again = Network::from_program(manifest("torchscript", 6, "none"), bytes, &at("out.pt")).unwrap();
    assert_eq!(again.state.digest().unwrap(), tuned.state.digest().unwrap());
    let state = read_pth(&at("out.pth")).unwrap().tensors;
    assert_eq!(state.digest().unwrap(), tuned.state.digest().unwrap());
}

#[test]
fn a_program_that_does_not_fit_what_is_declared_is_refused_in_words() {
    script::allow();
    let path = golden("torchscript/small.pt");
    let bytes = std::fs::read(&path).unwrap();
    let refusal = |manifest: NetworkManifest, bytes: Vec<u8>| {
        Network::from_program(manifest, bytes, Path::new("small.pt")).unwrap_err().to_string()
    };
    let classes = refusal(manifest("torchscript", 7, "none"), bytes.clone());
    assert!(classes.contains("[2, 6]") && classes.contains("--classes"), "{classes}");
    let size = refusal(NetworkManifest { input_size: 64, ..manifest("torchscript", 6, "none") }, bytes.clone());
    assert!(size.contains("64x64") && size.contains("--input-size"), "{size}");
    let damaged = refusal(manifest("torchscript", 6, "none"), bytes[..bytes.len() / 2].to_vec());
    assert!(damaged.contains("no TorchScript module"), "{damaged}");
}
