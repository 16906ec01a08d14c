//! Adversarial training (Madry et al. 2018): each step crafts PGD images on the current weights and descends the loss on
//! them. Crafting runs on a folded copy of the network in evaluation mode; the update runs the graph itself with batch
//! norm in train mode. A killed training goes on from its last checkpoint with the same numbers.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::average;
use super::checkpoint::{self, Position, Tensors};
use super::losses;
use super::optimizer::Sgd;
use super::records::EpochRecord;
use crate::attack::{self, Batch, Pair};
use crate::checkpoint::StateDict;
use crate::compute::Compute;
use crate::control::{Control, Progress};
use crate::data::augment::Augmenter;
use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::evaluate;
use crate::net::{BatchNorm, Classifier, Executor, Network};
use crate::rng;
use crate::spec::TrainSpec;

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
}

/// What a training reads.
pub struct Inputs<'a> {
    /// Training images.
    pub train: &'a Dataset,
    /// Held-out images for selection.
    pub selection: Option<&'a Dataset>,
    /// Settings.
    pub spec: &'a TrainSpec,
    /// Where to keep the checkpoint; none keeps none.
    pub checkpoint: Option<&'a Path>,
    /// Restricts what moves; none trains everything.
    pub tuning: Option<&'a Tuning>,
}

/// What may move while fine-tuning.
pub struct Tuning {
    /// Parameters that move, by full name; all when empty.
    pub parameters: Vec<String>,
    /// Batch norm while training.
    pub batch_norm: BatchNorm,
    /// When above 0, each weight stays within this share of its starting norm.
    pub trust_region: f64,
}

/// Trains `network` in place.
pub fn train(network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control) -> Result<Trained> {
    inputs.spec.check()?;
    let mut session = Session::open(network, inputs, compute)?;
    while session.position.epoch < inputs.spec.epochs {
        session.epoch(network, inputs, compute, control)?;
    }
    session.finish(network, inputs)
}

struct Session {
    position: Position,
    optimizer: Sgd,
    average: Option<StateDict>,
    best: Option<StateDict>,
    augmenter: Augmenter,
    /// Starting weights, kept where a trust region needs them.
    anchor: Option<StateDict>,
    saved: Instant,
}

impl Session {
    fn open(network: &mut Network, inputs: &Inputs<'_>, compute: &Compute) -> Result<Self> {
        let spec = inputs.spec;
        let mut session = Self {
            position: Position { fingerprint: fingerprint(network, inputs)?, ..Position::default() },
            optimizer: Sgd::new(&spec.optimizer),
            average: None,
            best: None,
            augmenter: Augmenter::new(inputs.train, &spec.augment)?,
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
                network.state = state;
                session.optimizer.buffers = momentum;
                session.average = (!average.is_empty()).then_some(average);
                session.best = (!best.is_empty()).then_some(best);
            }
        }
        let place = |dict: StateDict| -> Result<StateDict> {
            dict.into_iter().map(|(name, tensor)| Ok((name, tensor.f_to_device(compute.device)?))).collect()
        };
        network.state = place(std::mem::take(&mut network.state))?;
        session.optimizer.buffers = place(std::mem::take(&mut session.optimizer.buffers))?;
        session.average = session.average.map(place).transpose()?;
        if spec.ema_decay > 0.0 && session.average.is_none() {
            session.average = Some(network.state.deep_copy()?);
        }
        Ok(session)
    }

    fn epoch(
        &mut self, network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<()> {
        let spec = inputs.spec;
        let seed = u64::from(spec.seed);
        let epoch = self.position.epoch;
        let count = self.augmenter.len();
        let order = rng::permutation(seed, "epoch order", &[u64::from(epoch)], count);
        let batches = count.div_ceil(spec.batch_size as usize) as u64;
        let parameters = trainable(network, inputs.tuning)?;
        let executor = Executor::bind(&network.graph, &network.state, compute.fast.format)?;
        let began = Instant::now();
        let before = self.position.seconds;
        while self.position.batch < batches {
            if control.is_cancelled() {
                self.position.seconds = before + began.elapsed().as_secs_f64();
                self.save(network, inputs)?;
                return Err(EngineError::Cancelled);
            }
            let from = self.position.batch as usize * spec.batch_size as usize;
            let indices = &order[from..(from + spec.batch_size as usize).min(count)];
            let progress = (f64::from(epoch) + self.position.batch as f64 / batches as f64) / f64::from(spec.epochs);
            let rate = spec.optimizer.rate_at(progress, spec.epochs);
            let step = Step { network, executor: &executor, parameters: &parameters, epoch, rate };
            self.step(&step, indices, inputs, compute, control)?;
            self.position.batch += 1;
            self.position.step += 1;
            self.report(inputs, batches, rate, control);
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

    fn step(
        &mut self, step: &Step<'_>, indices: &[i64], inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<()> {
        let spec = inputs.spec;
        let seed = u64::from(spec.seed);
        let (images, labels) = self.augmenter.batch(indices, seed, u64::from(step.epoch))?;
        let (images, labels) = (images.f_to_device(compute.device)?, labels.f_to_device(compute.device)?);
        let ids: Vec<u64> = indices.iter().map(|index| *index as u64).collect();
        let batch = Batch { images: &images, labels: &labels, ids: &ids };
        let crafted = losses::craft(step.network, step.executor, &batch, spec, step.epoch, compute, control)?;
        let update = {
            let mode = inputs.tuning.map_or(BatchNorm::Train, |tuning| tuning.batch_norm);
            losses::update_loss(step.executor, &crafted, &labels, spec, mode)?
        };
        let value = f64::try_from(&update.loss.f_detach()?)?;
        if !value.is_finite() {
            return Err(EngineError::Numeric {
                place: format!("training loss, epoch {}, batch {}", step.epoch + 1, self.position.batch + 1),
                detail: "lower learningRate or train in --precision fp32".into(),
            });
        }
        let tensors: Vec<&Tensor> = step.parameters.iter().map(|(_, tensor)| tensor).collect();
        let gradients = Tensor::f_run_backward(&[&update.loss], &tensors, false, false)?;
        let named: Vec<(&str, &Tensor)> =
            step.parameters.iter().map(|(name, tensor)| (name.as_str(), tensor)).collect();
        self.optimizer.step(&named, &gradients, step.rate)?;
        if let (Some(anchor), Some(tuning)) = (&self.anchor, inputs.tuning) {
            stay_near(anchor, &named, tuning.trust_region)?;
        }
        if spec.track_clean_forward {
            let _ = tch::no_grad(|| step.executor.forward(&images, BatchNorm::Train))?;
        }
        if let Some(average) = &self.average {
            average::update(average, &step.network.state, spec.ema_decay, self.position.step)?;
        }
        self.position.loss_sum += value * indices.len() as f64;
        self.position.right += i64::try_from(&update.right.f_sum(Kind::Int64)?)? as u64;
        self.position.seen += indices.len() as u64;
        Ok(())
    }

    fn report(&self, inputs: &Inputs<'_>, batches: u64, rate: f64, control: &Control) {
        let at = &self.position;
        let mut metrics = std::collections::BTreeMap::from([
            ("loss".to_string(), at.loss_sum / at.seen as f64),
            ("accuracy".to_string(), at.right as f64 / at.seen as f64),
            ("learningRate".to_string(), rate),
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

    /// Measures the selection split, records the epoch and keeps the weights when they are the best so far.
    fn close_epoch(
        &mut self, network: &mut Network, inputs: &Inputs<'_>, compute: &Compute, control: &Control,
    ) -> Result<()> {
        let spec = inputs.spec;
        let at = &mut self.position;
        let judged = Network {
            manifest: network.manifest.clone(),
            graph: network.graph.clone(),
            state: self.average.as_ref().unwrap_or(&network.state).deep_copy()?,
        };
        let (standard, adversarial) = match inputs.selection {
            None => (-1.0, -1.0),
            Some(data) => selection_accuracy(&judged, data, spec, compute, control)?,
        };
        at.epoch += 1;
        at.records.push(EpochRecord {
            epoch: at.epoch,
            learning_rate: spec.optimizer.rate_at(f64::from(at.epoch) / f64::from(spec.epochs), spec.epochs),
            loss: at.loss_sum / at.seen.max(1) as f64,
            accuracy: at.right as f64 / at.seen.max(1) as f64,
            selection_standard: standard,
            selection_adversarial: adversarial,
            seconds: at.seconds,
        });
        let score = if adversarial >= 0.0 { adversarial } else { standard };
        if at.best_epoch == 0 || score >= at.best_score || inputs.selection.is_none() || !spec.keep_best {
            at.best_epoch = at.epoch;
            at.best_score = score;
            self.best = Some(judged.state);
        }
        (at.batch, at.loss_sum, at.right, at.seen, at.seconds) = (0, 0.0, 0, 0, 0.0);
        if spec.patience > 0 && at.epoch - at.best_epoch >= spec.patience {
            at.epoch = spec.epochs;
        }
        Ok(())
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

    fn finish(self, network: &mut Network, _inputs: &Inputs<'_>) -> Result<Trained> {
        let best = self.best.ok_or_else(|| EngineError::Internal("training ended without an epoch".into()))?;
        network.state = best
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.f_detach_copy()?.f_to_device(tch::Device::Cpu)?)))
            .collect::<Result<StateDict>>()?;
        for (key, score) in self.position.records.iter().filter(|r| r.epoch == self.position.best_epoch).flat_map(|r| {
            [("selectionStandard", r.selection_standard), ("selectionAdversarial", r.selection_adversarial)]
        }) {
            if score >= 0.0 {
                network.manifest.metrics.insert(key.into(), score);
            }
        }
        Ok(Trained { epochs: self.position.records, chosen_epoch: self.position.best_epoch })
    }
}

struct Step<'a> {
    network: &'a Network,
    executor: &'a Executor,
    parameters: &'a [(String, Tensor)],
    epoch: u32,
    rate: f64,
}

/// Trainable parameters as leaves that require gradients.
fn trainable(network: &mut Network, tuning: Option<&Tuning>) -> Result<Vec<(String, Tensor)>> {
    let mut leaves = Vec::new();
    for spec in &network.graph.tensors {
        let tensor = network.state.require(&spec.name)?.f_detach()?;
        let moves = tuning.is_none_or(|t| t.parameters.is_empty() || t.parameters.contains(&spec.name));
        if spec.trainable && moves {
            let leaf = tensor.f_set_requires_grad(true)?;
            leaves.push((spec.name.clone(), leaf.shallow_clone()));
            network.state.insert(&spec.name, leaf);
        } else {
            network.state.insert(&spec.name, tensor);
        }
    }
    Ok(leaves)
}

/// Projects each parameter onto the ball round its starting value (Theorem 3.1 holds inside it).
fn stay_near(anchor: &StateDict, parameters: &[(&str, &Tensor)], share: f64) -> Result<()> {
    let _guard = tch::no_grad_guard();
    for (name, parameter) in parameters {
        let start = anchor.require(name)?.f_to_device(parameter.device())?;
        let radius = share * f64::try_from(&start.f_norm()?)?;
        let change = parameter.f_sub(&start)?;
        let size = f64::try_from(&change.f_norm()?)?;
        if size > radius {
            parameter.shallow_clone().f_copy_(&start.f_add(&change.f_mul_scalar(radius / size)?)?)?;
        }
    }
    Ok(())
}

/// Clean accuracy and accuracy under the selection attack (−1 without one).
fn selection_accuracy(
    network: &Network, data: &Dataset, spec: &TrainSpec, compute: &Compute, control: &Control,
) -> Result<(f64, f64)> {
    let (fast, judge) = (compute.fast_plan(network)?, compute.judge_plan(network)?);
    let standard = evaluate::standard(&judge, data, compute.batch_size, control)?.accuracy();
    let Some(attack) = &spec.selection_attack else { return Ok((standard, -1.0)) };
    let pair = Pair { fast: &fast, judge: &judge };
    let mut robust = 0;
    let mut at = 0;
    while at < data.len() {
        let indices: Vec<i64> = (at..(at + compute.batch_size).min(data.len())).collect();
        let (images, labels) = data.batch(&indices)?;
        let (images, labels) = (images.f_to_device(judge.device())?, labels.f_to_device(judge.device())?);
        let ids: Vec<u64> = indices.iter().map(|index| *index as u64).collect();
        let batch = Batch { images: &images, labels: &labels, ids: &ids };
        let seed = rng::derive(u64::from(spec.seed), "selection", &[]);
        let attacked = attack::attack(&pair, &batch, attack, seed, control)?;
        robust += i64::try_from(&attacked.robust.f_sum(Kind::Int64)?)?;
        at += compute.batch_size;
    }
    Ok((standard, robust as f64 / data.len() as f64))
}

/// Hash of what decides the result: settings, initial weights, images.
fn fingerprint(network: &Network, inputs: &Inputs<'_>) -> Result<String> {
    let mut hash = Sha256::new();
    let spec = serde_json::to_string(inputs.spec).map_err(|error| EngineError::Internal(error.to_string()))?;
    hash.update(spec);
    hash.update(network.state.digest()?);
    for data in [Some(inputs.train), inputs.selection].into_iter().flatten() {
        hash.update(Vec::<u8>::try_from(&data.images.f_flatten(0, -1)?)?);
        for label in data.label_vec()? {
            hash.update(label.to_le_bytes());
        }
    }
    Ok(format!("{:x}", hash.finalize()))
}
