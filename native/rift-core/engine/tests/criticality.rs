//! Module robust criticality against golden values made by `test/golden/criticality/make.py` in PyTorch.

#![allow(clippy::unwrap_used, missing_docs)]

mod golden_criticality;

use golden_criticality::{by_name, load, narrow, run, spec, values};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::criticality::measure;
use rift_engine::spec::{AscentMethod, ComputeSpec, CriticalitySpec, ModuleGrouping, Norm};

#[test]
fn the_published_procedures_give_pytorchs_values_on_every_module() {
    let expected = values();
    for (profile, (network, set), ascent) in [
        ("code", load(), AscentMethod::SgdEpoch),
        ("paper", load(), AscentMethod::SgdStop),
        ("narrow", narrow(), AscentMethod::SgdEpoch),
    ] {
        let image = 1.0 / set.y.size()[0] as f64;
        let measured = run(&network, &set, &spec(ascent)).modules;
        assert_eq!(measured.len(), 21);
        for module in &measured {
            let of = |what: &str| expected[&format!("{profile}{what}")][&module.name];
            let near = |ours: f64, value: f64| (ours - value).abs() <= 0.02 * value.abs() + 1e-5;
            assert!(near(module.mrc, of("")), "{profile}, {} for {module:?}", of(""));
            let error = of(" standard error");
            assert!(near(module.standard_error, error), "{profile}, standard error {error} for {module:?}");
            // One image may lie on the edge.
            let drop = of(" accuracy drop");
            assert!((module.robust_accuracy_drop - drop).abs() < 1.5 * image, "{profile}, drop {drop} for {module:?}");
            assert_eq!(module.nan_epochs, 0, "{profile} {module:?}");
        }
    }
}

#[test]
fn an_epoch_without_a_finite_loss_is_counted_as_such_and_nothing_else_of_it() {
    let (network, set) = load();
    let run = |epochs: u32, learning_rate: f64| {
        let modules = vec!["layer2.1.conv1".to_string()];
        let spec = CriticalitySpec { modules, epochs, learning_rate, ..spec(AscentMethod::SgdEpoch) };
        run(&network, &set, &spec).modules[0].clone()
    };
    // The first step ends just within the numbers that float32 can square, the second, up a steeper slope, beyond them.
    let slope =
        run(1, 1.0).first_order / (0.1 * network.state.get("layer2.1.conv1.weight").unwrap().norm().double_value(&[]));
    let rate = 1.5e19 / slope;
    let (one, five) = (run(1, rate), run(5, rate));
    assert_eq!((one.nan_epochs, five.nan_epochs), (0, 4), "{one:?} {five:?}");
    assert!(one.mrc > 0.0 && one.mrc.to_bits() == five.mrc.to_bits(), "{one:?} {five:?}");
}

#[test]
fn the_bounded_ascent_finds_at_least_the_published_value_and_agrees_over_seeds() {
    let (network, set) = load();
    let published = by_name(&run(&network, &set, &spec(AscentMethod::SgdEpoch)));
    let first = by_name(&run(&network, &set, &spec(AscentMethod::NormalizedGradient)));
    let other = CriticalitySpec { seed: 9, ..spec(AscentMethod::NormalizedGradient) };
    let second = by_name(&run(&network, &set, &other));
    for (module, value) in &published {
        assert!(first[module] >= 0.98 * value, "{module}: {} for {value}", first[module]);
        assert!((first[module] - second[module]).abs() <= 0.02 * first[module], "{module}");
    }
}

#[test]
fn modules_come_by_rising_criticality_and_never_leave_the_ball() {
    let (network, set) = load();
    for norm in [Norm::L2, Norm::Linf, Norm::L1] {
        for ascent in [AscentMethod::SgdEpoch, AscentMethod::NormalizedGradient] {
            let spec = CriticalitySpec { weight_norm: norm, epochs: 3, ..spec(ascent) };
            let measured = run(&network, &set, &spec);
            assert!(measured.modules.windows(2).all(|pair| pair[0].mrc <= pair[1].mrc));
            for module in &measured.modules {
                assert!(module.perturbation_ratio <= 0.1 * (1.0 + 1e-4), "{norm:?} {module:?}");
            }
        }
    }
}

#[test]
fn no_ball_means_no_rise() {
    let (network, set) = load();
    let spec = CriticalitySpec { weight_epsilon: 0.0, ..spec(AscentMethod::NormalizedGradient) };
    assert!(run(&network, &set, &spec).modules.iter().all(|module| module.mrc.abs() < 1e-6));
}

#[test]
fn rescaling_two_layers_of_a_block_leaves_the_bounded_criticality_as_it_is() {
    // Appendix A of the paper: θ_i scaled by c and what reads it by 1/c computes the same. Here batch norm absorbs c.
    let (mut network, set) = load();
    let spec = CriticalitySpec { modules: vec!["layer2.0.conv1".into()], ..spec(AscentMethod::NormalizedGradient) };
    let before = run(&network, &set, &spec).modules[0].mrc;
    let scaled = network.state.get("layer2.0.conv1.weight").unwrap() * 3.0;
    network.state.insert("layer2.0.conv1.weight", scaled);
    for name in ["running_mean", "running_var"] {
        let name = format!("layer2.0.bn1.{name}");
        let factor = if name.ends_with("var") { 9.0 } else { 3.0 };
        let moved = network.state.get(&name).unwrap() * factor;
        network.state.insert(name, moved);
    }
    let after = run(&network, &set, &spec).modules[0].mrc;
    assert!((before - after).abs() < 1e-3 * before, "{before} and {after}");
}

#[test]
fn blocks_take_all_their_weights_and_exceed_each_alone() {
    let (network, set) = load();
    let layers = by_name(&run(&network, &set, &spec(AscentMethod::NormalizedGradient)));
    let blocks = CriticalitySpec { grouping: ModuleGrouping::Block, ..spec(AscentMethod::NormalizedGradient) };
    let blocks = by_name(&run(&network, &set, &blocks));
    assert_eq!(blocks.len(), 10);
    for (module, value) in &layers {
        let block = blocks.iter().find(|(name, _)| module.starts_with(&format!("{name}.")) || *name == module).unwrap();
        assert!(*block.1 >= 0.98 * value, "{module} in {}", block.0);
    }
}

#[test]
fn an_unknown_module_is_refused_with_the_nearest_name() {
    let (network, set) = load();
    let spec = CriticalitySpec { modules: vec!["layer2.1.cov2".into()], ..spec(AscentMethod::SgdEpoch) };
    let compute = Compute::resolve(&ComputeSpec::default()).unwrap();
    let refused = measure(&network, &set, &spec, &compute, &Control::default()).unwrap_err();
    assert!(refused.to_string().contains("did you mean layer2.1.conv2?"), "{refused}");
}
