//! Importing data sets and adversarial sets; corrupting a split.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::inputs::{label_of, DataFile};
use crate::control::{Control, Progress};
use crate::corrupt::{corrupt_dataset, describe, stand_in, Corruption};
use crate::data::extra::{load_extra, EXTRA};
use crate::data::repeats::Repeats;
use crate::data::{self, read_adversarial_set, save_split, write_adversarial_set, Dataset, Format};
use crate::error::{EngineError, Result};
use crate::spec::CorruptSpec;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImportRequest {
    name: String,
    path: PathBuf,
    format: Format,
    held_out: u32,
    seed: u32,
    output_dir: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Imported {
    classes: Vec<String>,
    image_size: i64,
    notes: Vec<String>,
    splits: BTreeMap<String, Split>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Split {
    path: PathBuf,
    count: i64,
    class_counts: Vec<u32>,
}

pub(super) fn import_dataset(request: ImportRequest, control: &Control) -> Result<Imported> {
    let names = data::splits(&request.path, request.format)?;
    let mut imported = Imported { classes: Vec::new(), image_size: 0, notes: Vec::new(), splits: BTreeMap::new() };
    let mut repeats = Repeats::default();
    let hold_out = request.held_out > 0 && !names.iter().any(|name| name == "val");
    for (index, name) in names.iter().enumerate() {
        control.check()?;
        let mut split = if name == EXTRA && !imported.classes.is_empty() {
            load_extra(&request.path, imported.classes.clone())?
        } else {
            data::load_watched(&request.path, request.format, name, control)?
        };
        split.name.clone_from(&request.name);
        imported.notes.extend(repeats.add(&split)?);
        if hold_out && name == "train" {
            let (rest, held) = split.held_out(i64::from(request.held_out), u64::from(request.seed))?;
            let mut validation = split.subset(&held)?;
            validation.split = "val".into();
            split = split.subset(&rest)?;
            imported.notes.push(format!(
                "{} images were held out of train as val, stratified by class with seed {}",
                request.held_out, request.seed
            ));
            store(&mut imported, &request, &validation)?;
        }
        store(&mut imported, &request, &split)?;
        let (done, total) = (index as u64 + 1, names.len() as u64);
        if !request.format.decodes_files() {
            control.report(Progress { phase: name.clone(), done, total, unit: "splits".into(), ..Progress::default() });
        }
    }
    Ok(imported)
}

fn store(imported: &mut Imported, request: &ImportRequest, split: &Dataset) -> Result<()> {
    let (height, width) = split.image_size();
    if height != width {
        return Err(EngineError::file(
            &request.path,
            format!("images are {width}x{height} pixels, but must be square"),
        ));
    }
    if imported.image_size != 0 && (imported.image_size != height || imported.classes != split.classes) {
        let reason = format!("split {} has other classes or another image size than the splits before", split.split);
        return Err(EngineError::file(&request.path, reason));
    }
    imported.image_size = height;
    imported.classes.clone_from(&split.classes);
    let mut class_counts = vec![0; split.classes.len()];
    for label in split.label_vec()? {
        class_counts[label as usize] += 1;
    }
    let (least, most) = (class_counts.iter().min(), class_counts.iter().max());
    if let (Some(least), Some(most)) = (least, most) {
        if *least == 0 || f64::from(*most) > 2.0 * f64::from(*least) {
            imported.notes.push(format!("split {} is unbalanced: {least} to {most} images a class", split.split));
        }
    }
    let path = request.output_dir.join(format!("{}.safetensors", split.split));
    save_split(split, &label_of(&request.path), &path)?;
    let entry = Split { path, count: split.len(), class_counts };
    imported.splits.insert(split.split.clone(), entry);
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct ImportSetRequest {
    path: PathBuf,
    file_name: String,
    output: PathBuf,
}

#[derive(Serialize)]
pub(super) struct ImportedSet {
    count: i64,
}

pub(super) fn import_adversarial_set(request: ImportSetRequest, _control: &Control) -> Result<ImportedSet> {
    let set = read_adversarial_set(&request.path).map_err(|error| match error {
        EngineError::InvalidFile { reason, .. } => EngineError::file(&request.file_name, reason),
        other => other,
    })?;
    write_adversarial_set(&request.output, &set)?;
    Ok(ImportedSet { count: set.y.size()[0] })
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct CorruptRequest {
    data: DataFile,
    spec: CorruptSpec,
    output: PathBuf,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Corrupted {
    root_mean_square_change: f64,
    notes: Vec<String>,
}

pub(super) fn corrupt(request: CorruptRequest, control: &Control) -> Result<Corrupted> {
    let corruption = Corruption::parse(&request.spec.corruption)?;
    let data = request.data.read("data")?;
    let (severity, seed) = (request.spec.severity, u64::from(request.spec.seed));
    let corrupted = corrupt_dataset(&data, corruption, severity, seed, request.data.first_id(), control)?;
    let float = |images: &tch::Tensor| images.f_to_kind(tch::Kind::Float);
    let gap = float(&corrupted.images)?.f_sub(&float(&data.images)?)?.f_div_scalar(255.0)?;
    let root_mean_square_change = f64::try_from(&gap.f_square()?.f_mean(tch::Kind::Float)?)?.sqrt();
    save_split(&corrupted, &describe(corruption, severity)?, &request.output)?;
    Ok(Corrupted { root_mean_square_change, notes: stand_in(corruption)?.into_iter().collect() })
}
