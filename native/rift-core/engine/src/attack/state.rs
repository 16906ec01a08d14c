//! An attack in progress as one file, so that a killed job goes on inside the stage and pass where it was. The file
//! carries a hash of what is attacked and how; it is refused for anything else.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::dataset::DatasetAttack;
use super::ledger::{Audit, Ledger};
use super::runner::{Position, Runner};
use crate::checkpoint::bytes::bytes_of;
use crate::checkpoint::{read_safetensors, write_safetensors, Metadata, StateDict};
use crate::error::{EngineError, Result};
use crate::evaluate::{bytes, floats};
use crate::spec::Norm;

const KEY: &str = "rift.attack-state";
/// How often a running attack is saved.
const EVERY: Duration = Duration::from_secs(20);

/// Where the state of a run is kept.
pub struct Resume<'a> {
    /// The file; need not exist.
    pub path: &'a Path,
    /// SHA-256 of the network, or anything else that tells networks apart.
    pub network_digest: &'a str,
    /// Whether the state of a finished run stays, so that a job of several attacks does not repeat it.
    pub keep: bool,
}

/// Everything of a run but its tensors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AutoAttackState {
    /// Hash of list, settings, seed, images and network.
    pub guard: String,
    /// Where it stands.
    pub position: Position,
    /// Audit so far.
    pub audit: Audit,
    /// Image-steps so far.
    pub image_steps: u64,
    /// Flags of the network.
    pub flags: Vec<String>,
}

/// Saves a run now and then.
pub struct Keeper {
    path: PathBuf,
    guard: String,
    last: Instant,
    stage: usize,
    keep: bool,
}

impl Keeper {
    /// A keeper for `attack`, and the state found, if any.
    pub fn open(resume: &Resume<'_>, attack: &DatasetAttack<'_>) -> Result<(Self, Option<(AutoAttackState, Ledger)>)> {
        let guard = guard(resume.network_digest, attack)?;
        let keeper = Self { path: resume.path.to_path_buf(), guard, last: Instant::now(), stage: 0, keep: resume.keep };
        let found = if resume.path.exists() {
            Some(load(resume.path, &keeper.guard, attack.spec.threat_model.norm)?)
        } else {
            None
        };
        Ok((keeper, found))
    }

    /// Saves when a stage ended or enough time has passed.
    pub fn watch(&mut self, runner: &Runner<'_>, flags: &[String]) -> Result<()> {
        if self.stage == runner.position().stage && self.last.elapsed() < EVERY {
            return Ok(());
        }
        self.save(runner, flags)
    }

    /// Saves now.
    pub fn save(&mut self, runner: &Runner<'_>, flags: &[String]) -> Result<()> {
        self.stage = runner.position().stage;
        self.last = Instant::now();
        let ledger = runner.ledger();
        let state = AutoAttackState {
            guard: self.guard.clone(),
            position: runner.position().clone(),
            audit: ledger.audit,
            image_steps: ledger.image_steps,
            flags: flags.to_vec(),
        };
        save(&self.path, &state, ledger)
    }

    /// Removes the file of a finished run, or saves its end.
    pub fn close(mut self, runner: &Runner<'_>, flags: &[String]) -> Result<()> {
        if self.keep {
            return self.save(runner, flags);
        }
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(EngineError::io(&self.path, error)),
            _ => Ok(()),
        }
    }
}

/// Hash of everything that decides what an attack finds. The batch size does not.
fn guard(network_digest: &str, attack: &DatasetAttack<'_>) -> Result<String> {
    let spec = serde_json::to_vec(attack.spec).map_err(|error| EngineError::Internal(error.to_string()))?;
    let mut hash = Sha256::new();
    let parts: [&[u8]; 7] = [
        network_digest.as_bytes(),
        &spec,
        &attack.seed.to_le_bytes(),
        &attack.offset.to_le_bytes(),
        &[u8::from(attack.keep_images)],
        &bytes_of(&attack.data.images)?,
        &bytes_of(&attack.data.labels)?,
    ];
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn save(path: &Path, state: &AutoAttackState, ledger: &Ledger) -> Result<()> {
    let text = serde_json::to_string(state).map_err(|error| EngineError::Internal(error.to_string()))?;
    let mut tensors = StateDict::new();
    tensors.insert("robust", Tensor::f_from_slice(&ledger.robust)?);
    tensors.insert("changed", Tensor::f_from_slice(&ledger.changed)?);
    tensors.insert("loss", Tensor::f_from_slice(&ledger.loss)?);
    if let Some(images) = &ledger.images {
        tensors.insert("images", images.shallow_clone());
    }
    write_safetensors(path, &tensors, &Metadata::from([(KEY.to_string(), text)]))
}

fn load(path: &Path, guard: &str, norm: Norm) -> Result<(AutoAttackState, Ledger)> {
    let refuse = |reason: String| EngineError::file(path, format!("{reason}; delete it to begin the attack anew"));
    let (tensors, metadata) = read_safetensors(path)?;
    let text = metadata.get(KEY).ok_or_else(|| refuse("is no state of an attack".into()))?;
    let state: AutoAttackState = serde_json::from_str(text).map_err(|error| refuse(format!("{KEY}: {error}")))?;
    if state.guard != guard {
        return Err(refuse("is the state of another attack, network, seed or range of images".into()));
    }
    let robust = bytes(tensors.require("robust")?)?;
    let mut ledger = Ledger::new(robust.len(), norm, None);
    ledger.changed = bytes(tensors.require("changed")?)?;
    ledger.loss = floats(tensors.require("loss")?)?;
    ledger.images = tensors.get("images").map(|images| images.f_to_kind(Kind::Float)).transpose()?;
    if ledger.changed.len() != robust.len() || ledger.loss.len() != robust.len() {
        return Err(refuse("its arrays differ in length".into()));
    }
    ledger.robust = robust;
    ledger.audit = state.audit;
    ledger.image_steps = state.image_steps;
    Ok((state, ledger))
}
