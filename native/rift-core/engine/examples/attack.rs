//! Attacks a network artifact on the test images of a data set folder, without any service: what `rift attack` hands to
//! the engine. Usage: attack NETWORK.safetensors CIFAR_FOLDER LIMIT COMPUTE.json SPEC.json…

use std::path::Path;

use rift_engine::attack::{run_dataset, DatasetAttack, Pair};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, Format};
use rift_engine::net::Network;
use rift_engine::spec::AttackSpec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [network, folder, limit, compute, specs @ ..] = &arguments[..] else {
        return Err("see the first lines".into());
    };
    rift_engine::memory::keep_freed_blocks();
    let network = Network::read(Path::new(network))?;
    let data = data::load(Path::new(folder), Format::Cifar10, "test")?.first(limit.parse()?)?;
    let compute = Compute::resolve(&serde_json::from_str(&std::fs::read_to_string(compute)?)?)?;
    let (fast, judge) = (compute.fast_plan(&network)?, compute.judge_plan(&network)?);
    let pair = Pair { fast: &fast, judge: &judge };
    for path in specs {
        let spec: AttackSpec = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let attack = DatasetAttack {
            pair: &pair,
            data: &data,
            offset: 0,
            spec: &spec,
            seed: 0,
            batch_size: compute.batch_size,
            keep_images: false,
        };
        let attacked = run_dataset(&attack, &Control::default(), &mut |_| {})?;
        let robust: u32 = attacked.per_image.iter().map(|robust| u32::from(*robust)).sum();
        println!(
            "{path}: {robust} of {} robust, {:.1} s, {:.0} image-steps/s, {:?}",
            data.len(),
            attacked.seconds,
            attacked.image_steps as f64 / attacked.seconds,
            attacked.audit
        );
        for stage in &attacked.stages {
            println!("    {} {} robust, {:.1} s", stage.kind.name(), stage.robust, stage.seconds);
        }
        for flag in &attacked.flags {
            println!("    flag: {flag}");
        }
    }
    Ok(())
}
