//! What this machine has.

use napi_derive::napi;
use rift_engine::choices::Choices;
use rift_engine::compute::Compute;
use rift_engine::spec::ComputeSpec;

/// JSON: engine version, libtorch version, devices, threads, what was measured fastest here, and what `auto` resolves to.
#[napi]
pub fn doctor() -> napi::Result<String> {
    let chosen = Compute::resolve(&ComputeSpec::default()).map_err(|error| crate::failure::to_napi(&error))?;
    let choices = Choices::here();
    let facts = serde_json::json!({
        "engineVersion": env!("CARGO_PKG_VERSION"),
        "libtorchVersion": "2.13.0",
        "cudaDevices": rift_engine::compute::cuda_devices(),
        "threads": rift_engine::compute::threads(),
        "bf16Faster": choices.bf16,
        "choices": choices.name(),
        "tried": choices.tried,
        "triedInQuiet": choices.were_quiet(),
        "device": format!("{:?}", chosen.device),
        "precision": format!("{:?}", chosen.fast.format.kind),
        "batchSize": chosen.batch_size,
    });
    Ok(facts.to_string())
}
