//! Measures MRC of every module on a ready adversarial set, without any service: what `rift criticality` hands to the
//! engine. Usage: criticality NETWORK.safetensors SET.npz|.safetensors COMPUTE.json SPEC.json…

use std::path::Path;
use std::time::Instant;

use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::criticality::measure;
use rift_engine::data::read_adversarial_set;
use rift_engine::net::Network;
use rift_engine::spec::CriticalitySpec;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [network, set, compute, specs @ ..] = &arguments[..] else {
        return Err("see the first lines".into());
    };
    let network = Network::read(Path::new(network))?;
    let set = read_adversarial_set(Path::new(set))?;
    let compute = Compute::resolve(&serde_json::from_str(&std::fs::read_to_string(compute)?)?)?;
    for path in specs {
        let spec: CriticalitySpec = serde_json::from_str(&std::fs::read_to_string(path)?)?;
        let began = Instant::now();
        let measured = measure(&network, &set, &spec, &compute, &Control::default())?;
        println!("{path}: {:.1} s, base loss {:.6}", began.elapsed().as_secs_f64(), measured.base_loss);
        for module in &measured.modules {
            println!("    {:24} {:.6} in {:.2} s", module.name, module.mrc, module.seconds);
        }
    }
    Ok(())
}
