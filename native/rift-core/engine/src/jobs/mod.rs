//! The engine's jobs: a request of paths and settings in, files and a result out. Each is one plain function; requests
//! and results carry the wire contracts' names.

mod convert;
mod craft;
mod criticality;
mod data_set;
mod evaluate;
mod fine_tune;
mod gallery;
mod inputs;
mod interpolate;
mod outcomes;
pub mod perturb;
mod train;

use serde::de::DeserializeOwned;
use serde::Serialize;

pub use inputs::{DataFile, NetworkFile};

use crate::control::Control;
use crate::error::{EngineError, Result};

/// Kinds of job, as the addon names them.
pub const KINDS: [&str; 12] = [
    "craft",
    "evaluate",
    "corrupt",
    "criticality",
    "fineTune",
    "interpolate",
    "train",
    "importNetwork",
    "inspectNetwork",
    "exportNetwork",
    "importDataset",
    "importAdversarialSet",
];

/// Those of [`KINDS`] that read, check and write files and compute nothing: they may run beside another job.
pub const FILE_KINDS: [&str; 5] =
    ["importNetwork", "inspectNetwork", "exportNetwork", "importDataset", "importAdversarialSet"];

/// Runs the job `kind` on a request in JSON and returns its result in JSON.
pub fn run(kind: &str, request: &str, control: &Control) -> Result<String> {
    match kind {
        "craft" => job(request, control, craft::craft),
        "evaluate" => job(request, control, evaluate::evaluate),
        "corrupt" => job(request, control, data_set::corrupt),
        "criticality" => job(request, control, criticality::criticality),
        "fineTune" => job(request, control, fine_tune::fine_tune),
        "interpolate" => job(request, control, interpolate::interpolate),
        "train" => job(request, control, train::train),
        "importNetwork" => job(request, control, convert::import_network),
        "inspectNetwork" => job(request, control, convert::inspect_network),
        "exportNetwork" => job(request, control, convert::export_network),
        "importDataset" => job(request, control, data_set::import_dataset),
        "importAdversarialSet" => job(request, control, data_set::import_adversarial_set),
        _ => Err(EngineError::unknown("job", kind, &KINDS.map(str::to_string))),
    }
}

/// Reads a request; an unknown, missing or ill-typed field is an error naming its path.
pub fn parse<R: DeserializeOwned>(request: &str) -> Result<R> {
    let mut reader = serde_json::Deserializer::from_str(request);
    serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let field = error.path().to_string();
        EngineError::invalid(if field == "." { "request".into() } else { field }, "as sent", error.inner().to_string())
    })
}

fn job<R: DeserializeOwned, T: Serialize>(
    request: &str, control: &Control, work: impl FnOnce(R, &Control) -> Result<T>,
) -> Result<String> {
    let result = work(parse(request)?, control)?;
    serde_json::to_string(&result).map_err(|error| EngineError::Internal(format!("result: {error}")))
}

/// The result of a job that only writes files.
#[derive(Serialize)]
pub(crate) struct Done {}
