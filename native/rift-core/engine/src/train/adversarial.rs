//! Adversarial training: the epochs. Each step crafts images on the current weights and descends the method's loss; after
//! each epoch the selection split is measured and the best weights are kept. A killed training goes on from its last
//! checkpoint with the same numbers, on the CPU bit for bit.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Serialize;
use tch::Device;

use super::batches::Batches;
use super::checkpoint::{self, Position, Tensors};
use super::optimizer::{Pace, Sgd};
use super::parameters::{stay_near, trainable};
use super::records::EpochRecord;
use super::step::Step;
use super::{average, measure};
use crate::checkpoint::StateDict;
use crate::compute::Compute;
use crate::control::{Control, Progress};
use crate::error::{EngineError, Result};
use crate::net::{BatchNorm, Network};

pub use super::inputs::{Inputs, Tuning};

/// Time between two checkpoints within an epoch.
const CHECKPOINT_EVERY: Duration = Duration::from_secs(30);

/// Result of a training.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Trained {
    /// Every epoch.
    pub epochs: Vec<EpochRecord>,
    /// Epoch whose weights the network now holds, from 1.
    pub chosen_epoch: u32,
    /// Why training ended before its last epoch; empty when it did not.
    pub ended: String,
}

/// Trains `network` in place.
pub fn train(network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control) -> Result<Trained> {
    inputs.check()?;
    let (mut session, compute) = Session::open(network, inputs, compute)?;
    while session.position.epoch < inputs.spec.epochs && session.position.ended.is_empty() {
        session.epoch(network, inputs, &compute, control)?;
    }
    session.finish(network)
}

struct Session {
    position: Position,
    optimizer: Sgd,
    average: Option<StateDict>,
    best: Option<StateDict>,
    batches: Batches,
    /// Starting weights, kept where a trust region needs them.
    anchor: Option<StateDict>,
    saved: Instant,
}

impl Session {
    /// A session at its beginning or where its checkpoint stands, and what it computes on: a training keeps the number
    /// format that it began with, which another process might choose differently.
    fn open(network: &mut Network, inputs: &Inputs<'_>, compute: &Compute) -> Result<(Self, Compute)> {
        let spec = inputs.spec;
        let mut compute = *compute;
        let precision = |compute: &Compute| format!("{:?}", compute.fast.format.kind);
        let fingerprint = inputs.fingerprint(network)?;
        let mut session = Self {
            position: Position { fingerprint, precision: precision(&compute), ..Position::default() },
            optimizer: Sgd::new(&spec.optimizer),
            average: None,
            best: None,
            batches: Batches::new(inputs)?,
            anchor: match inputs.tuning {
                Some(tuning) if tuning.trust_region > 0.0 => Some(network.state.deep_copy()?),
                _ => None,
            },
            saved: Instant::now(),
        };
        let found = inputs.checkpoint.filter(|path| path.exists()).map(checkpoint::load).transpose()?;
        if let Some((position, [state, momentum, average, best])) = found {
            if position.fingerprint == session.position.fingerprint {
                session.position = position;
                network.restore(state)?;
                session.optimizer.buffers = momentum;
                session.average = (!average.is_empty()).then_some(average);
                session.best = (!best.is_empty()).then_some(best);
            }
        }
        for kind in [tch::Kind::Float, tch::Kind::BFloat16] {
            if format!("{kind:?}") == session.position.precision {
                compute.fast.format.kind = kind;
            }
        }
        let place = |dict: StateDict| -> Result<StateDict> {
            dict.into_iter().map(|(name, tensor)| Ok((name, tensor.f_to_device(compute.device)?))).collect()
        };
        network.to_device(compute.device)?;
        session.optimizer.buffers = place(std::mem::take(&mut session.optimizer.buffers))?;
        session.average = session.average.map(place).transpose()?;
        if spec.ema_decay > 0.0 && session.average.is_none() {
            session.average = Some(network.state.deep_copy()?);
        }
        Ok((session, compute))
    }

    fn epoch(
        &mut self, network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<()> {
        let spec = inputs.spec;
        let epoch = self.position.epoch;
        let order = self.batches.order(epoch);
        let batches = self.batches.count();
        let parameters = trainable(network, inputs.tuning, spec.decay_spares_batch_norm)?;
        let executor = network.bind(compute.fast.format)?;
        let mode = inputs.tuning.map_or(BatchNorm::Train, |tuning| tuning.batch_norm);
        let began = Instant::now();
        let before = self.position.seconds;
        while self.position.batch < batches {
            if control.is_cancelled() {
                self.position.seconds = before + began.elapsed().as_secs_f64();
                self.save(network, inputs)?;
                return Err(EngineError::Cancelled);
            }
            let pace = self.pace(inputs, self.position.batch);
            let read = self.batches.read(&order, epoch, self.position.batch)?;
            let step = Step { network, executor: executor.as_ref(), parameters: &parameters, spec, mode, epoch, pace };
            let outcome = step.take(&read, &mut self.optimizer, compute, control)?;
            if let (Some(anchor), Some(tuning)) = (&self.anchor, inputs.tuning) {
                stay_near(anchor, &parameters, tuning.trust_region)?;
            }
            if let Some(average) = &self.average {
                let decay = average::decay_at(spec, self.position.step, u64::from(spec.epochs) * batches);
                average::update(average, network, decay, spec)?;
            }
            self.position.loss_sum += outcome.loss * read.ids.len() as f64;
            self.position.right += outcome.right;
            self.position.seen += read.ids.len() as u64;
            self.position.batch += 1;
            self.position.step += 1;
            self.report(inputs, pace, control);
            if self.saved.elapsed() >= CHECKPOINT_EVERY {
                self.position.seconds = before + began.elapsed().as_secs_f64();
                self.save(network, inputs)?;
            }
        }
        self.position.seconds = before + began.elapsed().as_secs_f64();
        drop(executor);
        self.close_epoch(network, inputs, compute, control)?;
        self.save(network, inputs)
    }

    /// Learning rate and momentum of a batch of the current epoch.
    fn pace(&self, inputs: &Inputs<'_>, batch: u64) -> Pace {
        let epochs = inputs.spec.epochs;
        let done = f64::from(self.position.epoch) + batch as f64 / self.batches.count() as f64;
        let progress = done / f64::from(epochs);
        let optimizer = &inputs.spec.optimizer;
        Pace { rate: optimizer.rate_at(progress, epochs), momentum: optimizer.momentum_at(progress, epochs) }
    }

    fn report(&self, inputs: &Inputs<'_>, pace: Pace, control: &Control) {
        let at = &self.position;
        let batches = self.batches.count();
        let mut metrics = BTreeMap::from([
            ("loss".to_string(), at.loss_sum / at.seen as f64),
            ("accuracy".to_string(), at.right as f64 / at.seen as f64),
            ("learningRate".to_string(), pace.rate),
        ]);
        if let Some(last) = at.records.last() {
            metrics.insert("selectionStandard".into(), last.selection_standard);
            metrics.insert("selectionAdversarial".into(), last.selection_adversarial);
        }
        control.report(Progress {
            phase: format!("epoch {} of {}", at.epoch + 1, inputs.spec.epochs),
            done: u64::from(at.epoch) * batches + at.batch,
            total: u64::from(inputs.spec.epochs) * batches,
            unit: "batches".into(),
            metrics,
        });
    }

    /// Measures the selection split, records the epoch, keeps the weights when they are the best so far and says whether
    /// training ends here.
    fn close_epoch(
        &mut self, network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<()> {
        let spec = inputs.spec;
        if let Some(average) = self.average.as_ref().filter(|_| spec.ema_copies_statistics) {
            average::copy_statistics(average, network)?;
        }
        let judged = network.with_state(self.average.as_ref().unwrap_or(&network.state).deep_copy()?)?;
        let (standard, adversarial) = match inputs.selection {
            None => (-1.0, -1.0),
            Some(data) => measure::selection(&judged, data, spec, compute, control)?,
        };
        let fall = self.fall(network, inputs, compute, control)?;
        let rate = self.pace(inputs, self.batches.count() - 1).rate;
        let at = &mut self.position;
        at.epoch += 1;
        at.records.push(EpochRecord {
            epoch: at.epoch,
            learning_rate: rate,
            loss: at.loss_sum / at.seen.max(1) as f64,
            accuracy: at.right as f64 / at.seen.max(1) as f64,
            selection_standard: standard,
            selection_adversarial: adversarial,
            seconds: at.seconds,
        });
        let score = if adversarial >= 0.0 { adversarial } else { standard };
        if let Some(why) = fall {
            at.ended = why;
        } else if at.best_epoch == 0 || score >= at.best_score || inputs.selection.is_none() || !spec.keep_best {
            at.best_epoch = at.epoch;
            at.best_score = score;
            self.best = Some(judged.state);
        }
        (at.batch, at.loss_sum, at.right, at.seen, at.seconds) = (0, 0.0, 0, 0, 0.0);
        let idle = at.epoch - at.best_epoch;
        if at.ended.is_empty() && spec.patience > 0 && idle >= spec.patience && at.epoch < spec.epochs {
            at.ended = format!("the selection split has not improved for {idle} epochs");
        }
        Ok(())
    }

    /// What the overfitting guard says when accuracy under its attack has fallen too far since the epoch before.
    fn fall(
        &mut self, network: &Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<Option<String>> {
        let spec = inputs.spec;
        if spec.overfitting_guard <= 0.0 {
            return Ok(None);
        }
        let epoch = self.position.epoch;
        let first = self.batches.read(&self.batches.order(epoch), epoch, 0)?;
        let now = measure::guard(network, &first, spec, compute, control)?;
        let before = self.position.guarded.replace(now);
        Ok(before.filter(|before| before - now > spec.overfitting_guard).map(|before| {
            format!(
                "accuracy under PGD-5 fell from {:.1} % to {:.1} % in epoch {} (catastrophic overfitting); the epoch before is kept",
                before * 100.0,
                now * 100.0,
                epoch + 1
            )
        }))
    }

    fn save(&mut self, network: &Network, inputs: &Inputs<'_>) -> Result<()> {
        self.saved = Instant::now();
        let Some(path) = inputs.checkpoint else { return Ok(()) };
        let tensors = Tensors {
            state: &network.state,
            momentum: &self.optimizer.buffers,
            average: self.average.as_ref(),
            best: self.best.as_ref(),
        };
        checkpoint::save(path, &self.position, &tensors)
    }

    fn finish(self, network: &mut Network) -> Result<Trained> {
        let best = self.best.ok_or_else(|| EngineError::Internal("training ended without an epoch".into()))?;
        let best = best
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.f_detach_copy()?.f_to_device(Device::Cpu)?)))
            .collect::<Result<StateDict>>()?;
        network.restore(best)?;
        let Position { records, best_epoch, ended, .. } = self.position;
        if let Some(kept) = records.iter().find(|record| record.epoch == best_epoch) {
            for (key, score) in
                [("selectionStandard", kept.selection_standard), ("selectionAdversarial", kept.selection_adversarial)]
            {
                if score >= 0.0 {
                    network.manifest.metrics.insert(key.into(), score);
                }
            }
        }
        Ok(Trained { epochs: records, chosen_epoch: best_epoch, ended })
    }
}
