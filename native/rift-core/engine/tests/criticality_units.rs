//! Named groups, first-order estimates and the bound of the paper's theorem 3.1.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_criticality;

use golden_criticality::{by_name, load, run, spec};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::criticality::measure;
use rift_engine::rng;
use rift_engine::spec::{AscentMethod, ComputeSpec, CriticalitySpec, ModuleGroup, ModuleGrouping, Precision};

fn group(name: &str, modules: &[&str]) -> ModuleGroup {
    ModuleGroup { name: name.into(), modules: modules.iter().map(|module| (*module).to_string()).collect() }
}

fn grouped(groups: Vec<ModuleGroup>) -> CriticalitySpec {
    CriticalitySpec { grouping: ModuleGrouping::Named, groups, epochs: 4, ..spec(AscentMethod::NormalizedGradient) }
}

fn refusal(spec: &CriticalitySpec) -> String {
    let (network, set) = load();
    let compute = Compute::resolve(&ComputeSpec::default()).unwrap();
    measure(&network, &set, spec, &compute, &Control::default()).unwrap_err().to_string()
}

#[test]
fn a_group_of_a_blocks_modules_is_that_block_whatever_their_order() {
    let (network, set) = load();
    let named = grouped(vec![group("layer2.1", &["layer2.1.conv2", "layer2.1.conv1"])]);
    let named = run(&network, &set, &named);
    let block = CriticalitySpec {
        grouping: ModuleGrouping::Block,
        groups: vec![],
        modules: vec!["layer2.1".into()],
        ..grouped(vec![])
    };
    let block = run(&network, &set, &block);
    assert!((named.modules[0].mrc - block.modules[0].mrc).abs() < 1e-9);
    assert_eq!(named.modules[0].modules, ["layer2.1.conv1", "layer2.1.conv2"]);
    assert_eq!(named.modules[0].modules, block.modules[0].modules);
}

#[test]
fn a_joint_criticality_exceeds_those_of_its_modules_across_the_network() {
    let (network, set) = load();
    let alone = CriticalitySpec { epochs: 4, ..spec(AscentMethod::NormalizedGradient) };
    let alone = by_name(&run(&network, &set, &alone));
    let members = ["conv1", "layer3.0.conv1", "linear"];
    let joint = run(&network, &set, &grouped(vec![group("far apart", &members)])).modules[0].clone();
    for member in members {
        assert!(joint.mrc > alone[member], "{member}: {} alone, {} together", alone[member], joint.mrc);
    }
    assert!(joint.perturbation_ratio <= 0.1 * (1.0 + 1e-4), "one ball per module: {joint:?}");
}

#[test]
fn estimates_come_from_one_pass_and_equal_those_of_the_whole_measurement() {
    let (network, set) = load();
    let exact = CriticalitySpec { epochs: 1, starts: 1, ..spec(AscentMethod::NormalizedGradient) };
    let measured = run(&network, &set, &exact);
    let estimated = run(&network, &set, &CriticalitySpec { estimate_only: true, ..exact });
    assert!(estimated.modules.is_empty() && measured.estimates.is_empty());
    assert_eq!(estimated.estimates.len(), 21);
    assert!(estimated.estimates.windows(2).all(|pair| pair[0].first_order <= pair[1].first_order));
    for estimate in &estimated.estimates {
        let module = measured.modules.iter().find(|module| module.name == estimate.name).unwrap();
        let gap = (module.first_order - estimate.first_order).abs();
        assert!(gap <= 1e-4 * module.first_order.abs() + 1e-7, "{estimate:?} for {}", module.first_order);
    }
}

#[test]
fn the_estimate_keeps_the_least_critical_module_in_its_lowest_half() {
    let (network, set) = load();
    let sound = spec(AscentMethod::NormalizedGradient);
    let least = run(&network, &set, &sound).modules[0].name.clone();
    let estimates = run(&network, &set, &CriticalitySpec { estimate_only: true, ..sound }).estimates;
    let place = estimates.iter().position(|estimate| estimate.name == least).unwrap();
    assert!(place < estimates.len() / 2, "{least} comes {place}th of {}", estimates.len());
}

#[test]
fn no_change_within_the_ball_raises_the_loss_by_more_than_the_criticality() {
    // Theorem 3.1 of the paper: MRC bounds the rise for every change inside the ball, so for random ones on its boundary.
    let (network, set) = load();
    let modules = ["conv1", "layer2.1.conv2", "layer4.0.shortcut.0", "linear"];
    let sound =
        CriticalitySpec { modules: modules.map(String::from).to_vec(), ..spec(AscentMethod::NormalizedGradient) };
    let measured = run(&network, &set, &sound);
    for module in &measured.modules {
        let name = format!("{}.weight", module.name);
        let weight = network.state.require(&name).unwrap();
        for draw in 0..4 {
            let size = weight.size();
            let noise = rng::normal_per_image(3, &module.name, &[draw], 0, &size).unwrap().reshape(&size);
            let change = &noise * (0.1 * weight.norm().double_value(&[]) / noise.norm().double_value(&[]));
            let mut moved = network.copy().unwrap();
            moved.state.insert(&name, weight + change);
            let probe = CriticalitySpec { weight_epsilon: 0.0, epochs: 1, starts: 1, ..sound.clone() };
            let rise = run(&moved, &set, &probe).base_loss - measured.base_loss;
            assert!(
                rise <= module.mrc,
                "{}: a random change rises by {rise}, the criticality is {}",
                module.name,
                module.mrc
            );
        }
    }
}

#[test]
fn groups_that_say_nothing_or_the_same_twice_are_refused_by_field() {
    let layers = spec(AscentMethod::NormalizedGradient);
    let all = group("a", &["conv1"]);
    let wrong = [
        (CriticalitySpec { groups: vec![all.clone()], ..layers.clone() }, "groups is 1 groups"),
        (grouped(vec![]), "groups is empty"),
        (CriticalitySpec { modules: vec!["conv1".into()], ..grouped(vec![all.clone()]) }, "modules is conv1"),
        (grouped(vec![all.clone(), all]), "groups[1].name is a"),
        (grouped(vec![group("b", &[])]), "groups[0].modules is empty"),
        (grouped(vec![group("b", &["linear", "linear"])]), "groups[0].modules is linear"),
        (grouped(vec![group("b", &["layer2.1.cov2"])]), "did you mean layer2.1.conv2?"),
    ];
    for (spec, expected) in wrong {
        let said = refusal(&spec);
        assert!(said.contains(expected), "{said} for {expected}");
    }
}

#[test]
fn what_half_precision_finds_is_judged_in_float32() {
    let (network, set) = load();
    let modules = ["conv1", "layer2.0.shortcut.0", "layer4.1.conv2", "linear"].map(String::from).to_vec();
    let spec = CriticalitySpec { modules, ..spec(AscentMethod::NormalizedGradient) };
    let exact = run(&network, &set, &spec);
    let half = Compute::resolve(&ComputeSpec { precision: Precision::Bf16, ..ComputeSpec::default() }).unwrap();
    let found = measure(&network, &set, &spec, &half, &Control::default()).unwrap();
    assert_eq!(found.base_loss.to_bits(), exact.base_loss.to_bits());
    let exact = by_name(&exact);
    for (name, mrc) in by_name(&found) {
        assert!((mrc / exact[&name] - 1.0).abs() < 0.01, "{name}: {mrc} for {}", exact[&name]);
    }
}
