//! What jobs read: networks, points between networks, ranges of splits.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::checkpoint::StateDict;
use crate::data::{load_split, Dataset};
use crate::error::{EngineError, Result};
use crate::net::script::Script;
use crate::net::Network;

/// A network's file, or a point on the line to another.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NetworkFile {
    /// The file (α = 0).
    pub path: PathBuf,
    /// The far end and the position.
    pub blend: Option<BlendFile>,
}

/// The far end of an interpolation.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BlendFile {
    /// The file at α = 1.
    pub to_path: PathBuf,
    /// Position, 0 to 1.
    pub alpha: f64,
}

impl NetworkFile {
    /// What tells it from other networks: names of artifacts are hashes of what they hold.
    pub fn identity(&self) -> String {
        match &self.blend {
            None => label_of(&self.path),
            Some(blend) => format!("{} {} {}", label_of(&self.path), label_of(&blend.to_path), blend.alpha),
        }
    }

    /// Reads the network.
    pub fn read(&self) -> Result<Network> {
        let from = Network::read(&self.path)?;
        match &self.blend {
            None => Ok(from),
            Some(blend) => between(&from, &Network::read(&blend.to_path)?, blend.alpha),
        }
    }
}

/// θ_α = (1 − α)·θ₀ + α·θ₁ over every floating-point entry, batch-norm statistics included; counters are those of the
/// nearer end. α = 0 and α = 1 give the ends bit for bit.
pub fn between(from: &Network, to: &Network, alpha: f64) -> Result<Network> {
    if !(0.0..=1.0).contains(&alpha) {
        return Err(EngineError::invalid("alpha", alpha, "must be between 0 and 1"));
    }
    let programs = [from, to].map(|network| network.script().map(Script::bytes));
    if from.graph.tensors != to.graph.tensors || programs[0] != programs[1] {
        let rule = format!("must have the architecture of the network at alpha 0, {}", from.manifest.arch);
        return Err(EngineError::invalid("toPath", &to.manifest.arch, rule));
    }
    let state = from
        .state
        .iter()
        .map(|(name, start)| {
            let end = to.state.require(name)?;
            let at_an_end = alpha <= 0.0 || alpha >= 1.0;
            let tensor = if start.f_kind()? != tch::Kind::Float || at_an_end {
                if alpha < 0.5 {
                    start.f_detach_copy()?
                } else {
                    end.f_detach_copy()?
                }
            } else {
                start.f_mul_scalar(1.0 - alpha)?.f_add(&end.f_mul_scalar(alpha)?)?
            };
            Ok((name.to_string(), tensor))
        })
        .collect::<Result<StateDict>>()?;
    let mut manifest = from.manifest.clone();
    manifest.metrics.clear();
    let mut network = from.with_state(state)?;
    network.manifest = manifest;
    Ok(network)
}

/// A range of a split's file.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DataFile {
    /// The split's file.
    pub path: PathBuf,
    /// First image.
    pub offset: u32,
    /// Images from there; 0 means all that follow.
    pub limit: u32,
}

impl DataFile {
    /// Reads the images; `field` of the request names them.
    pub fn read(&self, field: &str) -> Result<Dataset> {
        let all = load_split(&self.path)?;
        let (offset, limit) = (i64::from(self.offset), i64::from(self.limit));
        if offset >= all.len() || offset + limit > all.len() {
            let rule = format!("must lie within the {} images of split {}", all.len(), all.split);
            return Err(EngineError::invalid(field, format!("offset {offset}, limit {limit}"), rule));
        }
        if offset == 0 && (limit == 0 || limit == all.len()) {
            return Ok(all);
        }
        let end = if limit == 0 { all.len() } else { offset + limit };
        all.subset(&(offset..end).collect::<Vec<_>>())
    }

    /// Index of the first image in its split, which keys the randomness of all.
    pub fn first_id(&self) -> u64 {
        u64::from(self.offset)
    }
}

/// Refuses images that the network cannot take or labels beyond its classes; `field` names them in the request.
pub fn check_fit(network: &Network, data: &Dataset, field: &str) -> Result<()> {
    let (height, width) = data.image_size();
    let size = network.manifest.input_size;
    if (height, width) != (size, size) {
        let rule = format!("must be {size}x{size} pixels, the input of the network");
        return Err(EngineError::invalid(field, format!("{width}x{height} pixels"), rule));
    }
    if data.classes.len() as i64 != network.manifest.classes {
        let rule = format!("must have as many classes as the network, {}", network.manifest.classes);
        return Err(EngineError::invalid(field, format!("{} classes in {}", data.classes.len(), data.name), rule));
    }
    Ok(())
}

/// A file beside `path` whose name ends with `part`.
pub fn side_file(path: &Path, part: &str) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{part}"));
    path.with_file_name(name)
}

/// Digest in a path of the artifact store, or the file's name.
pub fn label_of(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}
