//! Module robust criticality of the sample's network on some of its pictures.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_criticality;

use std::path::Path;

use golden_criticality::{by_name, run, spec};
use rift_engine::data::{self, AdversarialManifest, AdversarialSet, Format};
use rift_engine::net::Network;
use rift_engine::spec::{AscentMethod, CriticalitySpec};
use tch::{Device, Kind, Tensor};

const IMAGES: i64 = 96;

fn sample() -> (Network, AdversarialSet) {
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../samples");
    let network = Network::read(&samples.join("resnet18-w16.safetensors")).unwrap();
    let data = data::load(&samples.join("cifar10"), Format::Cifar10, "test").unwrap().first(IMAGES).unwrap();
    let (adv, y) = data.batch(&(0..IMAGES).collect::<Vec<_>>()).unwrap();
    let index = Tensor::arange(IMAGES, (Kind::Int64, Device::Cpu));
    (network, AdversarialSet { adv, y, index, manifest: AdversarialManifest::imported() })
}

/// Shuffles lead the published procedure to maxima that differ by several times; `docs/results/criticality.md` has all modules.
#[test]
fn the_bounded_ascent_finds_on_these_modules_at_least_what_four_shuffles_of_the_published_procedure_do() {
    let (network, set) = sample();
    let of = |ascent, seed| {
        let modules = ["layer3.0.shortcut.0", "layer3.1.conv1", "layer4.1.conv1"].map(String::from).to_vec();
        by_name(&run(&network, &set, &CriticalitySpec { modules, seed, starts: 1, batch_size: 32, ..spec(ascent) }))
    };
    let sound = of(AscentMethod::NormalizedGradient, 0);
    for seed in 0..4 {
        for (module, value) in of(AscentMethod::SgdEpoch, seed) {
            assert!(sound[&module] >= 0.995 * value, "{module}, seed {seed}: {} for {value}", sound[&module]);
        }
    }
    assert_eq!(sound, of(AscentMethod::NormalizedGradient, 1), "nothing is drawn");
}
