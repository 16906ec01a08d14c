//! Runs stages over a range of images. Survivors of all batches are pooled before every pass, so that late restarts and
//! stages run with full batches on the few images that are left.

use std::ops::Range;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::attempt::attempt;
use super::ledger::Ledger;
use super::loss::{cross_entropy, is_right};
use super::pgd::Batch;
use super::robust::{Attacked, Pair};
use super::stage::Stage;
use super::tries::Tries;
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::lanes::{quiet, spans};
use crate::memory::within_budget;
use crate::spec::{AttackKind, AttackSpec};

/// Where images come from.
pub enum Source<'a> {
    /// A data set whose first image has the given id.
    Dataset(&'a Dataset, u64),
    /// Images in memory.
    Batch(&'a Batch<'a>),
}

/// Images taken from a source.
pub struct Taken {
    /// float32 [B, C, H, W].
    pub images: Tensor,
    /// int64 [B].
    pub labels: Tensor,
    /// Keys of their randomness.
    pub ids: Vec<u64>,
}

impl Source<'_> {
    /// Number of images.
    pub fn len(&self) -> i64 {
        match self {
            Self::Dataset(data, _) => data.len(),
            Self::Batch(batch) => batch.ids.len() as i64,
        }
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images `indices`, on `device`.
    pub fn take(&self, indices: &[i64], device: Device) -> Result<Taken> {
        let (images, labels, ids) = match self {
            Self::Dataset(data, offset) => {
                let (images, labels) = data.batch(indices)?;
                (images, labels, indices.iter().map(|&index| offset + index as u64).collect())
            }
            Self::Batch(batch) => {
                let rows = Tensor::f_from_slice(indices)?.f_to_device(batch.images.device())?;
                let ids = indices.iter().map(|&index| batch.ids[index as usize]).collect();
                (batch.images.f_index_select(0, &rows)?, batch.labels.f_index_select(0, &rows)?, ids)
            }
        };
        Ok(Taken { images: images.f_to_device(device)?, labels: labels.f_to_device(device)?, ids })
    }
}

/// What one attack of a list left standing.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct StageOutcome {
    /// The attack.
    pub kind: AttackKind,
    /// Images still classified right after it.
    pub robust: u32,
    /// Seconds spent in it.
    pub seconds: f64,
    /// Gradients of zero met at its starts, summed over images and passes.
    pub zero_gradients: u64,
    /// Signs that the result may be too high, made from the counts of this stage and those before it.
    pub flags: Vec<String>,
}

/// Where a run stands: everything but the ledger.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// Whether the clean images were judged.
    pub prepared: bool,
    /// Stage to go on with.
    pub stage: usize,
    /// Pass of that stage.
    pub pass: u64,
    /// First image of that pass that is still to do.
    pub image: i64,
    /// Seconds spent in that stage so far.
    pub stage_seconds: f64,
    /// Seconds spent in all.
    pub seconds: f64,
    /// Zero gradients met in that stage so far.
    pub zero_gradients: u64,
    /// Finished stages.
    pub outcomes: Vec<StageOutcome>,
}

/// An attack on a range of images in progress.
pub struct Runner<'a> {
    pair: &'a Pair<'a>,
    source: Source<'a>,
    spec: &'a AttackSpec,
    seed: u64,
    batch_size: i64,
    ledger: Ledger,
    position: Position,
}

impl<'a> Runner<'a> {
    /// A run that has not begun.
    pub fn new(
        pair: &'a Pair<'a>, source: Source<'a>, spec: &'a AttackSpec, seed: u64, batch_size: i64, keep_images: bool,
    ) -> Result<Self> {
        let images = match (&source, keep_images) {
            (_, false) => None,
            (Source::Dataset(data, _), true) => {
                Some(within_budget(data.batch(&(0..data.len()).collect::<Vec<_>>())?.0)?)
            }
            (Source::Batch(batch), true) => Some(batch.images.f_detach_copy()?),
        };
        let ledger = Ledger::new(source.len() as usize, spec.threat_model.norm, images);
        Ok(Self { pair, source, spec, seed, batch_size, ledger, position: Position::default() })
    }

    /// What was found so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where the run stands.
    pub fn position(&self) -> &Position {
        &self.position
    }

    /// Goes on from an earlier run's ledger and position.
    pub fn resume(&mut self, ledger: Ledger, position: Position) {
        self.ledger = ledger;
        self.position = position;
    }

    /// What was found.
    pub fn into_ledger(self) -> Ledger {
        self.ledger
    }

    /// Runs what is left of `stages`; `watch` is called after every batch, when the state is consistent.
    pub fn run(
        &mut self, stages: &[Stage], control: &Control, watch: &mut dyn FnMut(&Self) -> Result<()>,
    ) -> Result<()> {
        let began = Instant::now();
        let before = self.position.seconds;
        if !self.position.prepared {
            self.prepare(control)?;
            self.position.prepared = true;
        }
        while let Some(stage) = stages.get(self.position.stage) {
            let stage_began = Instant::now();
            let stage_before = self.position.stage_seconds;
            while self.position.pass < stage.passes() {
                let pool = self.ledger.pool(self.position.image, self.all_images());
                let passes = self.passes_at_once(stage, pool.len() as u64);
                // As few batches as there must be, of nearly equal size: small ones compute slowly.
                for (first, count) in spans(pool.len() as i64, pool.len().div_ceil(self.batch_size as usize)) {
                    let indices = &pool[first as usize..(first + count) as usize];
                    control.check()?;
                    self.batch(stage, passes.clone(), indices, control)?;
                    self.position.image = indices[indices.len() - 1] + 1;
                    self.position.stage_seconds = stage_before + stage_began.elapsed().as_secs_f64();
                    self.position.seconds = before + began.elapsed().as_secs_f64();
                    watch(self)?;
                }
                self.position.pass = passes.end;
                self.position.image = 0;
            }
            self.finish_stage(stage);
            self.position.seconds = before + began.elapsed().as_secs_f64();
            watch(self)?;
        }
        Ok(())
    }

    /// Images' worth of work done, out of the number of images: a fallen image is done, a survivor is done as far as
    /// its passes are, weighed by their cost.
    pub fn images_done(&self, stages: &[Stage]) -> u64 {
        let count = self.ledger.robust.len() as f64;
        let total: u64 = stages.iter().map(|stage| stage.passes() * stage.cost()).sum();
        let finished: u64 = stages.iter().take(self.position.stage).map(|stage| stage.passes() * stage.cost()).sum();
        let (now, each) =
            stages.get(self.position.stage).map_or((0, 0), |stage| (self.position.pass * stage.cost(), stage.cost()));
        let share = self.position.image as f64 / count * each as f64;
        let fraction = (finished as f64 + now as f64 + share) / total.max(1) as f64;
        let alive = if self.all_images() { count } else { f64::from(self.ledger.robust_count()) };
        (count - alive + alive * fraction.min(1.0)).floor() as u64
    }

    /// Every image is attacked in every pass, as far as the attack is not a list, whose definition is survivors only.
    fn all_images(&self) -> bool {
        self.spec.to_the_end && !self.spec.kind.is_list()
    }

    /// Judges the images as they are: those that are wrong have fallen.
    fn prepare(&mut self, control: &Control) -> Result<()> {
        if self.all_images() {
            return Ok(());
        }
        let _quiet = quiet(self.pair.judge.lanes().len());
        let all: Vec<i64> = (0..self.source.len()).collect();
        for indices in all.chunks(self.batch_size as usize) {
            control.check()?;
            let taken = self.source.take(indices, self.pair.judge.device())?;
            let logits = tch::no_grad(|| self.pair.judge.logits(&taken.images))?;
            let robust = is_right(&logits, &taken.labels)?;
            let loss = cross_entropy(&logits, &taken.labels)?;
            let images = taken.images.shallow_clone();
            let steps = taken.labels.f_zeros_like()?;
            let zero_gradients = steps.shallow_clone();
            let clean = Attacked { images, robust, loss, steps, zero_gradients };
            self.ledger.record(indices, &taken.images, &clean)?;
        }
        Ok(())
    }

    /// The passes to do next: several where the images that are left, taken so many times, fit into one batch. The first
    /// pass of a stage is for itself where images end with their first success: most of those that fall, fall in it.
    fn passes_at_once(&self, stage: &Stage, images: u64) -> Range<u64> {
        let pass = self.position.pass;
        let alone = self.position.image > 0 || (pass == 0 && !self.all_images());
        let count = if alone { 1 } else { self.batch_size as u64 / images.max(1) };
        pass..(pass + count.max(1)).min(stage.passes())
    }

    fn batch(&mut self, stage: &Stage, passes: Range<u64>, indices: &[i64], control: &Control) -> Result<()> {
        let taken = self.source.take(indices, self.pair.judge.device())?;
        let batch = Batch { images: &taken.images, labels: &taken.labels, ids: &taken.ids };
        let attacked = attempt(self.pair, &Tries::new(&batch, passes.clone())?, stage, self.seed, control)?;
        for at in 0..(passes.end - passes.start) as i64 {
            // What an earlier of these passes felled is not tried in the later ones, as if each had come by itself.
            let rows: Vec<i64> = (0..indices.len() as i64)
                .filter(|&row| at == 0 || self.all_images() || self.ledger.robust[indices[row as usize] as usize] == 1)
                .collect();
            let left: Vec<i64> = rows.iter().map(|&row| indices[row as usize]).collect();
            let rows = Tensor::f_from_slice(&rows)?.f_to_device(taken.labels.device())?;
            let attacked = attacked.select(&rows.f_add_scalar(at * indices.len() as i64)?)?;
            self.position.zero_gradients += i64::try_from(&attacked.zero_gradients.f_sum(Kind::Int64)?)? as u64;
            self.ledger.record(&left, &taken.images.f_index_select(0, &rows)?, &attacked)?;
        }
        Ok(())
    }

    fn finish_stage(&mut self, stage: &Stage) {
        let position = &mut self.position;
        position.outcomes.push(StageOutcome {
            kind: stage.spec.kind,
            robust: self.ledger.robust_count(),
            seconds: position.stage_seconds,
            zero_gradients: std::mem::take(&mut position.zero_gradients),
            flags: Vec::new(),
        });
        position.stage_seconds = 0.0;
        position.stage += 1;
        position.pass = 0;
    }
}

/// Number of classes, from the logits of the first image.
pub fn class_count(pair: &Pair<'_>, source: &Source<'_>) -> Result<i64> {
    if source.is_empty() {
        return Err(EngineError::invalid("data", "0 images", "must hold at least one image"));
    }
    let taken = source.take(&[0], pair.judge.device())?;
    let logits = tch::no_grad(|| pair.judge.logits(&taken.images))?;
    Ok(logits.size()[1])
}
