//! Trains a network adversarially from a settings file, without any service: what `rift train` hands to the engine.
//! Usage: train DATA_FOLDER SETTINGS.json HELD_OUT OUT.safetensors CHECKPOINT [INITIAL.safetensors]

use std::path::Path;
use std::sync::Arc;

use rift_engine::checkpoint::{NetworkManifest, Preprocess};
use rift_engine::compute::Compute;
use rift_engine::control::Control;
use rift_engine::data::{self, Format};
use rift_engine::net::Network;
use rift_engine::spec::{ComputeSpec, TrainSpec};
use rift_engine::train::adversarial::{train, Inputs};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, settings, held_out, out, checkpoint] = &arguments[..5] else {
        return Err("see the first lines".into());
    };
    let spec: TrainSpec = serde_json::from_str(&std::fs::read_to_string(settings)?)?;
    let all = data::load(Path::new(folder), Format::Cifar10, "train")?;
    let (rest, held) = all.held_out(held_out.parse()?, 0)?;
    let (train_set, selection) = (all.subset(&rest)?, all.subset(&held)?);
    let architecture = spec.architecture.clone().ok_or("settings need an architecture")?;
    let (classes, input_size) = (all.classes.len() as i64, all.image_size().0);
    let manifest = NetworkManifest {
        preprocess: Preprocess::named("cifar10")?,
        class_names: all.classes.clone(),
        ..NetworkManifest::plain(&architecture.arch, architecture.width.into(), classes, input_size)
    };
    let mut network = match arguments.get(5) {
        Some(path) => Network::read(Path::new(path))?,
        None => Network::initial(manifest, u64::from(spec.seed))?,
    };
    let compute = Compute::resolve(&ComputeSpec::default())?;
    let last = std::sync::Mutex::new(std::time::Instant::now());
    let control = Control::new(Arc::new(move |progress| {
        let Ok(mut last) = last.lock() else { return };
        if last.elapsed().as_secs() >= 10 || progress.done == progress.total {
            *last = std::time::Instant::now();
            eprintln!("{} {}/{} {:?}", progress.phase, progress.done, progress.total, progress.metrics);
        }
    }));
    let inputs = Inputs {
        train: &train_set,
        extra: None,
        selection: Some(&selection),
        spec: &spec,
        checkpoint: Some(Path::new(checkpoint)),
        tuning: None,
    };
    let trained = train(&mut network, &inputs, &compute, &control)?;
    network.write(Path::new(out))?;
    println!("{}", serde_json::to_string_pretty(&trained)?);
    Ok(())
}
