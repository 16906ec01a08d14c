//! Writing the networks between two networks.

use std::path::PathBuf;

use serde::Deserialize;

use super::inputs::{between, label_of};
use super::Done;
use crate::control::{Control, Progress};
use crate::error::{EngineError, Result};
use crate::net::Network;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    from_path: PathBuf,
    to_path: PathBuf,
    alphas: Vec<f64>,
    outputs: Vec<PathBuf>,
}

pub(super) fn interpolate(request: Request, control: &Control) -> Result<Done> {
    if request.alphas.len() != request.outputs.len() {
        let rule = format!("must name one file for each of the {} alphas", request.alphas.len());
        return Err(EngineError::invalid("outputs", format!("{} files", request.outputs.len()), rule));
    }
    let (from, to) = (Network::read(&request.from_path)?, Network::read(&request.to_path)?);
    let total = request.alphas.len() as u64;
    for (index, (alpha, output)) in request.alphas.iter().zip(&request.outputs).enumerate() {
        control.check()?;
        let mut network = between(&from, &to, *alpha)?;
        network.manifest.parents = vec![label_of(&request.from_path), label_of(&request.to_path)];
        network.manifest.notes.insert("alpha".into(), alpha.to_string());
        network.write(output)?;
        let phase = format!("alpha {alpha}");
        let done = index as u64 + 1;
        control.report(Progress { phase, done, total, unit: "networks".into(), ..Progress::default() });
    }
    Ok(Done {})
}
