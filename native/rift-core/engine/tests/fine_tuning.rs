//! Fine-tuning and interpolation as jobs: which weights and statistics each choice moves, and the points of the line.

#![allow(clippy::unwrap_used, missing_docs)]

use std::path::{Path, PathBuf};

use rift_engine::checkpoint::{NetworkManifest, StateDict};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, save_split, Dataset, Format};
use rift_engine::jobs;
use rift_engine::net::{script, Network};
use rift_engine::rng;
use rift_engine::spec::ComputeSpec;
use rift_engine::train::reestimate;
use serde_json::{json, Value};
use tch::{Kind, Tensor};

const IMAGES: i64 = 24;
const MODULE: &str = "layer2.1.conv2";

/// A folder with a network and noise in ten classes.
struct Place {
    folder: tempfile::TempDir,
    network: Network,
    data: Dataset,
}

impl Place {
    fn new() -> Self {
        Self::with(Network::initial(NetworkManifest::plain("resnet18", 2, 10, 32), 3).unwrap())
    }

    fn with(network: Network) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let place = Self { folder, network, data: noise(10, 32) };
        place.network.write(&place.at("network")).unwrap();
        save_split(&place.data, "noise", &place.at("split")).unwrap();
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A request to fine-tune one module for one epoch with frozen statistics, all else off.
    fn request(&self) -> Value {
        json!({
            "network": {"path": self.at("network"), "blend": null},
            "train": {"path": self.at("split"), "offset": 0, "limit": 0}, "selection": null,
            "compute": {"device": "cpu", "precision": "PRECISION_FP32", "batchSize": 12, "threads": 1, "plain": true},
            "output": self.at("tuned"), "checkpoint": null,
            "spec": {
                "scope": "FINE_TUNE_SCOPE_MODULES", "modules": [MODULE], "epochs": 1, "batchSize": 12,
                "optimizer": {"learningRate": 0.05, "momentum": 0.9, "weightDecay": 0.0005, "nesterov": false,
                    "schedule": "SCHEDULE_KIND_CONSTANT", "milestones": [], "gamma": 0.1, "pctStart": 0.0},
                "augment": {"padding": 0, "paddingMode": "PADDING_MODE_ZERO", "flip": false},
                "batchNorm": "BATCH_NORM_MODE_FREEZE", "trustRegion": 0.0, "keepBest": false, "seed": 1
            }
        })
    }

    /// Runs the request with these fields of its spec changed. Returns what the job said and the network that it wrote.
    fn tuned(&self, changes: &[(&str, Value)]) -> (Value, Network) {
        let mut request = self.request();
        if self.at("selection").exists() {
            request["selection"] = json!({"path": self.at("selection"), "offset": 0, "limit": 0});
        }
        for (field, value) in changes {
            let at = field.split('.').fold(&mut request["spec"], |at, part| &mut at[part]);
            assert!(!at.is_null(), "no field {field}");
            *at = value.clone();
        }
        let said = jobs::run("fineTune", &request.to_string(), &Control::default()).unwrap();
        (serde_json::from_str(&said).unwrap(), Network::read(&self.at("tuned")).unwrap())
    }

    /// Tensors of `other` that are not what they were, in the network's order.
    fn moved(&self, other: &Network) -> Vec<String> {
        let state = self.network.state.iter();
        state.filter(|(name, own)| other.state.get(name).unwrap() != *own).map(|(name, _)| name.to_string()).collect()
    }
}

fn noise(classes: i64, side: i64) -> Dataset {
    tch::set_num_threads(1);
    let ids: Vec<u64> = (0..IMAGES as u64).collect();
    let pixels = rng::uniform_per_image(1, "pixels", &ids, 0, &[3, side, side], 0.0, 255.0).unwrap().round();
    let labels = Tensor::from_slice(&(0..IMAGES).map(|at| at % classes).collect::<Vec<_>>());
    let names = (0..classes).map(|class| class.to_string()).collect();
    Dataset::new(pixels.to_kind(Kind::Uint8), labels, names, "noise", "train").unwrap()
}

fn fp32() -> Compute {
    Compute::resolve(&ComputeSpec { plain: true, threads: 1, ..ComputeSpec::default() }).unwrap()
}

fn is_statistic(name: &str) -> bool {
    name.contains(".running_") || name.ends_with("num_batches_tracked") || name.starts_with("running_")
}

#[test]
fn track_moves_the_module_and_every_statistic_and_freeze_the_module_alone() {
    let place = Place::new();
    let weight = format!("{MODULE}.weight");
    let (_, frozen) = place.tuned(&[]);
    assert_eq!(place.moved(&frozen), [weight.as_str()]);
    let (_, tracked) = place.tuned(&[("batchNorm", json!("BATCH_NORM_MODE_TRACK"))]);
    let names = place.network.state.names();
    let expected: Vec<&str> = names.filter(|name| is_statistic(name) || *name == weight).collect();
    assert_eq!(expected.len(), 1 + 3 * 20, "a weight, and two statistics and a counter of twenty batch norms");
    assert_eq!(place.moved(&tracked), expected);
}

#[test]
fn reestimate_is_freeze_with_the_statistics_averaged_anew_at_the_end() {
    let place = Place::new();
    let (_, mut expected) = place.tuned(&[]);
    let frozen = expected.state.digest().unwrap();
    reestimate::batch_norm(&mut expected, &place.data, &fp32(), &Control::default()).unwrap();
    let (_, found) = place.tuned(&[("batchNorm", json!("BATCH_NORM_MODE_REESTIMATE"))]);
    assert_ne!(expected.state.digest().unwrap(), frozen);
    assert_eq!(found.state.digest().unwrap(), expected.state.digest().unwrap());
}

#[test]
fn scope_last_moves_the_last_layers_weight_alone_and_scope_all_every_parameter() {
    let place = Place::new();
    let (said, last) = place.tuned(&[("scope", json!("FINE_TUNE_SCOPE_LAST")), ("modules", json!([]))]);
    assert_eq!(place.moved(&last), ["linear.weight"]);
    assert_eq!(said["relativeChange"].as_object().unwrap().keys().collect::<Vec<_>>(), ["linear"]);
    let (said, all) = place.tuned(&[("scope", json!("FINE_TUNE_SCOPE_ALL")), ("modules", json!([]))]);
    let parameters: Vec<&str> = place.network.state.names().filter(|name| !is_statistic(name)).collect();
    assert_eq!(place.moved(&all), parameters);
    let changes = said["relativeChange"].as_object().unwrap();
    assert_eq!(changes.len(), 21);
    assert!(changes.values().all(|change| change.as_f64().unwrap() > 0.0), "{changes:?}");
}

#[test]
fn a_trust_region_holds_the_relative_change_that_the_job_reports() {
    let place = Place::new();
    let change = |share: f64| {
        let (said, tuned) = place.tuned(&[
            ("modules", json!(["linear"])),
            ("trustRegion", json!(share)),
            ("epochs", json!(4)),
            ("optimizer.learningRate", json!(1.0)),
        ]);
        let start = place.network.state.get("linear.weight").unwrap();
        let exact = ((tuned.state.get("linear.weight").unwrap() - start).norm() / start.norm()).double_value(&[]);
        let said = said["relativeChange"]["linear"].as_f64().unwrap();
        assert!((said - exact).abs() < 1e-6, "{said} for {exact}");
        said
    };
    let free = change(0.0);
    assert!(free > 0.012, "{free}: without a region the weight goes farther");
    let held = change(0.01);
    assert!(held > 0.009 && held <= 0.0101, "{held}");
}

#[test]
fn keep_best_gives_the_weights_of_the_best_epoch_and_otherwise_those_of_the_last() {
    // Noise makes a trained network forget what it knows of pictures, so that the best epoch is not the last.
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../samples");
    let place = Place::with(Network::read(&samples.join("resnet18-w16.safetensors")).unwrap());
    let pictures = data::load(&samples.join("cifar10"), Format::Cifar10, "test").unwrap().first(32).unwrap();
    save_split(&pictures, "pictures", &place.at("selection")).unwrap();
    let run = |epochs: u32, keeps: bool| {
        let (said, network) = place.tuned(&[
            ("scope", json!("FINE_TUNE_SCOPE_ALL")),
            ("modules", json!([])),
            ("epochs", json!(epochs)),
            ("batchNorm", json!("BATCH_NORM_MODE_TRACK")),
            ("optimizer.learningRate", json!(0.05)),
            ("keepBest", json!(keeps)),
        ]);
        (said, network.state.digest().unwrap())
    };
    let (said, best) = run(3, true);
    let score = |record: &Value| record["selectionStandard"].as_f64().unwrap();
    let scores: Vec<f64> = said["epochs"].as_array().unwrap().iter().map(score).collect();
    let chosen = said["chosenEpoch"].as_u64().unwrap() as usize;
    assert!(scores.iter().all(|score| *score <= scores[chosen - 1]), "epoch {chosen} of {scores:?}");
    assert!(chosen < 3, "{scores:?}");
    let (said, until) = run(chosen as u32, false);
    assert_eq!((said["chosenEpoch"].as_u64(), &until), (Some(chosen as u64), &best));
    let (said, last) = run(3, false);
    assert_eq!(said["chosenEpoch"], 3);
    assert_ne!(last, best);
}

#[test]
fn images_that_the_network_cannot_take_are_refused_by_field_in_training_and_in_selection() {
    let place = Place::new();
    for (name, data) in [("seven", noise(7, 32)), ("large", noise(10, 64))] {
        save_split(&data, "noise", &place.at(name)).unwrap();
    }
    for field in ["train", "selection"] {
        for (file, rule) in [("seven", "as many classes as the network, 10"), ("large", "must be 32x32 pixels")] {
            let mut request = place.request();
            request[field] = json!({"path": place.at(file), "offset": 0, "limit": 0});
            let refused = jobs::run("fineTune", &request.to_string(), &Control::default()).unwrap_err().to_string();
            assert!(refused.starts_with(field) && refused.contains(rule), "{field} {file}: {refused}");
            assert!(!place.at("tuned").exists());
        }
    }
}

#[test]
fn reestimated_statistics_are_the_mean_over_batches_of_256_of_each_batchs_own() {
    let place = Place::new();
    let ids: Vec<u64> = (0..300).collect();
    // The last 44 images are darker, so that their batch differs from the first.
    let light = rng::uniform_per_image(2, "pixels", &ids, 0, &[3, 32, 32], 100.0, 255.0).unwrap().round();
    let pixels = Tensor::cat(&[light.narrow(0, 0, 256), light.narrow(0, 256, 44) - 90.0], 0);
    let labels = Tensor::zeros([300], (Kind::Int64, tch::Device::Cpu));
    let names = (0..10).map(|class| class.to_string()).collect();
    let data = Dataset::new(pixels.to_kind(Kind::Uint8), labels, names, "noise", "train").unwrap();
    let mut network = place.network.copy().unwrap();
    reestimate::batch_norm(&mut network, &data, &fp32(), &Control::default()).unwrap();
    assert!(place.moved(&network).iter().all(|name| is_statistic(name)));
    let weight = network.state.get("conv1.weight").unwrap();
    let moments = |first: i64, count: i64| {
        let features = (pixels.narrow(0, first, count) / 255.0).conv2d(weight, None::<Tensor>, [1], [1], [1], 1);
        let values = features.transpose(0, 1).flatten(1, -1);
        (values.mean_dim(1, false, Kind::Float), values.var_dim(1, true, false))
    };
    let (first, second) = (moments(0, 256), moments(256, 44));
    for (name, expected) in [("running_mean", (first.0 + second.0) / 2.0), ("running_var", (first.1 + second.1) / 2.0)]
    {
        let found = network.state.get(&format!("bn1.{name}")).unwrap();
        let error = ((found - &expected) / &expected).abs().max().double_value(&[]);
        assert!(error < 1e-3, "{name}: {found:?} for {expected:?}");
    }
}

#[test]
fn a_traced_programs_statistics_are_fixed_and_their_reestimation_is_refused_by_field() {
    script::allow();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/torchscript/traced.pt");
    let place = Place::new();
    let manifest = NetworkManifest::plain("torchscript", 1, 10, 32);
    Network::from_program(manifest, std::fs::read(&path).unwrap(), &path).unwrap().write(&place.at("traced")).unwrap();
    let mut request = place.request();
    request["network"]["path"] = json!(place.at("traced"));
    request["spec"]["modules"] = json!(["mixer"]);
    request["spec"]["batchNorm"] = json!("BATCH_NORM_MODE_REESTIMATE");
    let refused = jobs::run("fineTune", &request.to_string(), &Control::default()).unwrap_err().to_string();
    assert!(refused.starts_with("spec.batchNorm is norm.running_mean: is not moved"), "{refused}");
    assert!(!place.at("tuned").exists());
    request["spec"]["batchNorm"] = json!("BATCH_NORM_MODE_FREEZE");
    jobs::run("fineTune", &request.to_string(), &Control::default()).unwrap();
    assert!(place.at("tuned").exists());
}

/// The entries of a point, each a weighted mean of the ends' entries.
fn assert_between(point: &StateDict, from: &StateDict, to: &StateDict, alpha: f64) {
    for (name, found) in point.iter().filter(|(_, tensor)| tensor.kind() == Kind::Float) {
        let expected = from.get(name).unwrap() * (1.0 - alpha) + to.get(name).unwrap() * alpha;
        let gap = (found - expected).abs().max().double_value(&[]);
        assert!(gap < 1e-5, "{name} at {alpha}: {gap}");
    }
}

#[test]
fn a_point_between_two_networks_mixes_statistics_too_and_takes_the_nearer_ends_counters() {
    let place = Place::new();
    // Two ends that differ in every entry, statistics and counters included.
    let end = |seed: u64, file: &str| {
        let mut network = Network::initial(NetworkManifest::plain("resnet18", 2, 10, 32), seed).unwrap();
        let names: Vec<String> = network.state.names().map(str::to_string).collect();
        for name in names {
            let own = network.state.get(&name).unwrap();
            let other = if own.kind() == Kind::Float {
                own + rng::uniform_per_image(seed, &name, &[0], 0, &own.size(), 0.1, 2.0).unwrap().squeeze_dim(0)
            } else {
                Tensor::from(seed as i64)
            };
            network.state.insert(&name, other);
        }
        network.write(&place.at(file)).unwrap();
        network.state
    };
    let (from, to) = (end(7, "from"), end(11, "to"));
    let alphas = [0.0, 0.25, 0.75, 1.0];
    let outputs: Vec<PathBuf> = alphas.iter().map(|alpha| place.at(&format!("at {alpha}"))).collect();
    let request = json!({"fromPath": place.at("from"), "toPath": place.at("to"), "alphas": alphas, "outputs": outputs});
    jobs::run("interpolate", &request.to_string(), &Control::default()).unwrap();
    let points: Vec<StateDict> = outputs.iter().map(|path| Network::read(path).unwrap().state).collect();
    assert_eq!(points[0].digest().unwrap(), from.digest().unwrap());
    assert_eq!(points[3].digest().unwrap(), to.digest().unwrap());
    for (point, alpha, counter) in [(&points[1], 0.25, 7), (&points[2], 0.75, 11)] {
        assert_between(point, &from, &to, alpha);
        let counters = point.iter().filter(|(_, tensor)| tensor.kind() == Kind::Int64);
        let counters: Vec<i64> = counters.map(|(_, tensor)| tensor.int64_value(&[])).collect();
        assert_eq!(counters, vec![counter; 20], "at {alpha}");
    }
}
