//! The network and adversarial set of `test/golden/criticality`, and measurements on them.
#![allow(dead_code)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use rift_engine::checkpoint::{read_safetensors, NetworkManifest, Preprocess, StateDict};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::criticality::{measure, Criticality};
use rift_engine::data::{AdversarialManifest, AdversarialSet};
use rift_engine::net::Network;
use rift_engine::spec::{AscentMethod, ComputeSpec, CriticalitySpec, ModuleGrouping, Norm, Precision, Profile};
use tch::{Kind, Tensor};

pub fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../test/golden/criticality").join(name)
}

/// The ResNet-18 whose state lies under `state/` in a golden file.
pub fn network(tensors: &StateDict, width: i64) -> Network {
    let state = tensors
        .iter()
        .filter_map(|(key, tensor)| Some((key.strip_prefix("state/")?.to_string(), tensor.shallow_clone())))
        .collect();
    let preprocess = Preprocess::named("cifar10").unwrap();
    let manifest = NetworkManifest { preprocess, ..NetworkManifest::plain("resnet18", width, 10, 32) };
    Network::from_state(manifest, state, Path::new("golden")).unwrap()
}

/// The network of width 4 and its images.
pub fn load() -> (Network, AdversarialSet) {
    stored("network.safetensors", 4)
}

/// The network of width 1, where the weight of `layer2.0.shortcut.0` has two values, and its images.
pub fn narrow() -> (Network, AdversarialSet) {
    stored("narrow.safetensors", 1)
}

fn stored(file: &str, width: i64) -> (Network, AdversarialSet) {
    let (tensors, _) = read_safetensors(&golden(file)).unwrap();
    let network = network(&tensors, width);
    let (adv, y) = (tensors.get("adv").unwrap().shallow_clone(), tensors.get("y").unwrap().shallow_clone());
    let index = Tensor::arange(y.size()[0], (Kind::Int64, tch::Device::Cpu));
    (network, AdversarialSet { adv, y, index, manifest: AdversarialManifest::imported() })
}

/// What PyTorch found, by quantity and then by module or radius.
pub fn values() -> HashMap<String, HashMap<String, f64>> {
    serde_json::from_str(&std::fs::read_to_string(golden("values.json")).unwrap()).unwrap()
}

pub fn spec(ascent: AscentMethod) -> CriticalitySpec {
    CriticalitySpec {
        profile: Profile::Unspecified,
        weight_epsilon: 0.1,
        weight_norm: Norm::L2,
        ascent,
        epochs: 10,
        learning_rate: 1.0,
        batch_size: 512,
        starts: 2,
        seed: 0,
        modules: vec![],
        grouping: ModuleGrouping::Layer,
        groups: vec![],
        estimate_only: false,
    }
}

pub fn run(network: &Network, set: &AdversarialSet, spec: &CriticalitySpec) -> Criticality {
    let compute = Compute::resolve(&ComputeSpec { precision: Precision::Fp32, ..ComputeSpec::default() }).unwrap();
    measure(network, set, spec, &compute, &Control::default()).unwrap()
}

pub fn by_name(measured: &Criticality) -> HashMap<String, f64> {
    measured.modules.iter().map(|module| (module.name.clone(), module.mrc)).collect()
}
