//! Measuring accuracies: clean, under attack, under corruption; and whether those under attack can be believed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::gallery::{self, GalleryPicture};
use super::inputs::{check_fit, side_file, DataFile, NetworkFile};
use super::outcomes::{AttackOutcome, CorruptionOutcome, SeverityOutcome};
use crate::attack::{run_resumable, DatasetAttack, Pair, Resume, Standing};
use crate::compute::Compute;
use crate::control::{Control, Progress};
use crate::corrupt::{corrupt_dataset, stand_in, Corruption};
use crate::data::Dataset;
use crate::diagnose::{diagnose, Diagnosis, Subject};
use crate::error::Result;
use crate::evaluate::{predictions, standard, Outcome};
use crate::net::Plan;
use crate::spec::{AttackSpec, ComputeSpec, DiagnosticsSpec, EvaluateSpec};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Request {
    network: NetworkFile,
    data: DataFile,
    spec: EvaluateSpec,
    compute: ComputeSpec,
    /// Where attacks keep their state, so that a later try goes on inside the stage where this one ended.
    #[serde(default)]
    checkpoint: Option<PathBuf>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Response {
    standard: Option<Outcome>,
    attacks: Vec<AttackOutcome>,
    corruptions: Vec<CorruptionOutcome>,
    gallery: Vec<GalleryPicture>,
    confusion: Vec<u32>,
    diagnostics: Option<Diagnosis>,
    notes: Vec<String>,
}

pub(super) fn evaluate(request: Request, control: &Control) -> Result<Response> {
    let spec = &request.spec;
    spec.check().map_err(|error| error.under("spec"))?;
    let corruptions = spec.corruptions.iter().map(|name| Corruption::parse(name)).collect::<Result<Vec<_>>>()?;
    let (network, data) = (request.network.read()?, request.data.read("data")?);
    check_fit(&network, &data, "data")?;
    let compute = Compute::resolve(&request.compute)?;
    let (fast, judge) = (compute.fast_plan(&network)?, compute.judge_plan(&network)?);
    let job = Job { request: &request, data: &data, compute: &compute, fast: &fast, judge: &judge, control };
    let mut units = Units::new(spec, data.len() as u64, control);
    let (mut clean, mut confusion, mut predicted) = (None, Vec::new(), Vec::new());
    if spec.standard || spec.gallery > 0 {
        let (outcome, classes) = predictions(&judge, &data, compute.batch_size, control)?;
        if spec.standard {
            confusion = confusion_matrix(&data, &classes)?;
            clean = Some(outcome);
        }
        predicted = classes;
        units.advance("clean images", data.len() as u64);
    }
    let (mut attacks, mut pictures) = (Vec::new(), Vec::new());
    for (index, attack) in spec.attacks.iter().enumerate() {
        let keep = if index == 0 { spec.gallery } else { 0 };
        let (outcome, kept) = job.attack(index, attack, keep, &predicted, &mut units)?;
        attacks.push(outcome);
        pictures.extend(kept);
    }
    let notes =
        corruptions.iter().filter_map(|corruption| stand_in(*corruption).transpose()).collect::<Result<Vec<_>>>()?;
    let corruptions =
        corruptions.into_iter().map(|corruption| job.corruption(corruption, &mut units)).collect::<Result<Vec<_>>>()?;
    let diagnostics = spec.diagnostics.as_ref().map(|spec| job.diagnose(spec, &mut units)).transpose()?;
    Ok(Response { standard: clean, attacks, corruptions, gallery: pictures, confusion, diagnostics, notes })
}

struct Job<'a> {
    request: &'a Request,
    data: &'a Dataset,
    compute: &'a Compute,
    fast: &'a Plan,
    judge: &'a Plan,
    control: &'a Control,
}

impl Job<'_> {
    fn attack(
        &self, index: usize, spec: &AttackSpec, keep: u32, predicted: &[i64], units: &mut Units<'_>,
    ) -> Result<(AttackOutcome, Vec<GalleryPicture>)> {
        let spec = &self.compute.attack(spec);
        let attack = DatasetAttack {
            pair: &Pair { fast: self.fast, judge: self.judge },
            data: self.data,
            offset: self.request.data.first_id(),
            spec,
            seed: u64::from(self.request.spec.seed),
            batch_size: self.compute.batch_size,
            keep_images: keep > 0,
        };
        let network = self.request.network.identity();
        let path = self.request.checkpoint.as_deref().map(|path| side_file(path, &format!("attack-{index}")));
        let resume = path.as_deref().map(|path| Resume { path, network_digest: &network, keep: true });
        let name = match (spec.kind.is_list(), spec.restarts) {
            (true, _) => spec.kind.name().to_string(),
            (false, 1) => format!("{}, {} steps", spec.kind.name(), spec.steps),
            (false, restarts) => format!("{}, {} steps, {restarts} restarts", spec.kind.name(), spec.steps),
        };
        let mut attacked =
            run_resumable(&attack, resume.as_ref(), self.control, &mut |standing| units.attacked(&name, standing))?;
        units.advance(&name, self.data.len() as u64);
        let pictures = match attacked.images.take() {
            Some(images) => gallery::pick(self.judge, self.data, &images, &attacked.per_image, predicted, keep)?,
            None => Vec::new(),
        };
        Ok((AttackOutcome::new(spec, attacked), pictures))
    }

    fn diagnose(&self, spec: &DiagnosticsSpec, units: &mut Units<'_>) -> Result<Diagnosis> {
        let pair = Pair { fast: self.fast, judge: self.judge };
        let subject = Subject {
            pair: &pair,
            data: self.data,
            offset: self.request.data.first_id(),
            seed: u64::from(self.request.spec.seed),
            batch_size: self.compute.batch_size,
        };
        let images = self.data.len() as u64;
        let diagnosis = diagnose(&subject, spec, self.control, &mut |phase, share| {
            units.at(&format!("diagnostics: {phase}"), (share * images as f64) as u64);
        })?;
        units.advance("diagnostics", images);
        Ok(diagnosis)
    }

    fn corruption(&self, corruption: Corruption, units: &mut Units<'_>) -> Result<CorruptionOutcome> {
        let mut severities = Vec::new();
        for severity in &self.request.spec.severities {
            let seed = u64::from(self.request.spec.seed);
            let first = self.request.data.first_id();
            let corrupted = corrupt_dataset(self.data, corruption, *severity, seed, first, self.control)?;
            let outcome = standard(self.judge, &corrupted, self.compute.batch_size, self.control)?;
            units.advance(&format!("{} {severity}", corruption.name()), self.data.len() as u64);
            severities.push(SeverityOutcome { severity: *severity, outcome });
        }
        Ok(CorruptionOutcome { name: corruption.name().to_string(), severities })
    }
}

/// Progress in images judged, over all parts of the evaluation.
struct Units<'a> {
    done: u64,
    total: u64,
    images: u64,
    metrics: BTreeMap<String, f64>,
    control: &'a Control,
}

impl<'a> Units<'a> {
    fn new(spec: &EvaluateSpec, images: u64, control: &'a Control) -> Self {
        let clean = u64::from(spec.standard || spec.gallery > 0);
        let corrupted = (spec.corruptions.len() * spec.severities.len()) as u64;
        let parts = clean + spec.attacks.len() as u64 + corrupted + u64::from(spec.diagnostics.is_some());
        Self { done: 0, total: images * parts, images, metrics: BTreeMap::new(), control }
    }

    fn at(&self, phase: &str, within: u64) {
        self.control.report(Progress {
            phase: phase.into(),
            done: self.done + within,
            total: self.total,
            unit: "images".into(),
            metrics: self.metrics.clone(),
        });
    }

    /// Tells where an attack stands: what its accuracy can be at most, and what each finished attack of a list left.
    fn attacked(&mut self, name: &str, standing: &Standing<'_>) {
        let share = |robust: u32| f64::from(robust) / self.images.max(1) as f64;
        self.metrics.insert(format!("{name}: robust at most"), share(standing.robust));
        for stage in standing.stages {
            self.metrics.insert(format!("{name}: robust after {}", stage.kind.name()), share(stage.robust));
        }
        self.at(name, standing.done);
    }

    fn advance(&mut self, phase: &str, images: u64) {
        self.done += images;
        self.at(phase, 0);
    }
}

/// Row-major counts, true class by predicted class.
fn confusion_matrix(data: &Dataset, predicted: &[i64]) -> Result<Vec<u32>> {
    let classes = data.classes.len();
    let mut counts = vec![0; classes * classes];
    for (label, class) in data.label_vec()?.into_iter().zip(predicted) {
        counts[label as usize * classes + *class as usize] += 1;
    }
    Ok(counts)
}
