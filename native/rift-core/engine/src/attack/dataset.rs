//! An attack on a range of a data set: per-image results, audit, stages, flags. A shard's images have the ids that they
//! have in the whole, so shards and the whole give the same.

use tch::Tensor;

use super::flags;
use super::ledger::Audit;
use super::robust::Pair;
use super::runner::{class_count, Runner, Source, StageOutcome};
use super::stage;
use super::state::{Keeper, Resume};
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::spec::AttackSpec;

/// What to attack and how.
pub struct DatasetAttack<'a> {
    /// The network.
    pub pair: &'a Pair<'a>,
    /// Images, already cut to the range.
    pub data: &'a Dataset,
    /// Id of the first image: its index in the whole data set.
    pub offset: u64,
    /// The attack.
    pub spec: &'a AttackSpec,
    /// Seed of every random draw.
    pub seed: u64,
    /// Images per batch; at least 1.
    pub batch_size: i64,
    /// Whether the adversarial images are wanted; they take 4 bytes a pixel.
    pub keep_images: bool,
}

/// What came of it.
pub struct DatasetAttacked {
    /// 1 robust, 0 fallen, per image.
    pub per_image: Vec<u8>,
    /// Cross-entropy at each image's worst point.
    pub losses: Vec<f32>,
    /// Each image's worst point, float32 [N, 3, H, W] on the CPU, when asked for.
    pub images: Option<Tensor>,
    /// Checks on all perturbations kept.
    pub audit: Audit,
    /// Survivors after each attack of a list; one entry for a single attack.
    pub stages: Vec<StageOutcome>,
    /// Signs that the result may be too high, one sentence each.
    pub flags: Vec<String>,
    /// Gradient steps or queries, summed over images.
    pub image_steps: u64,
    /// Seconds spent.
    pub seconds: f64,
}

/// Where an attack in progress stands.
pub struct Standing<'a> {
    /// Images' worth of work done, never falling, out of the number of images.
    pub done: u64,
    /// Images that nothing has fooled so far: what the result can be at most.
    pub robust: u32,
    /// Stages that are finished.
    pub stages: &'a [StageOutcome],
}

/// Runs the attack; `progress` is told where it stands after every batch.
pub fn run(
    attack: &DatasetAttack<'_>, control: &Control, progress: &mut dyn FnMut(&Standing<'_>),
) -> Result<DatasetAttacked> {
    run_resumable(attack, None, control, progress)
}

/// [`run`], which keeps its state in a file when `resume` names one: saved at least every twenty seconds between
/// batches, at the end of every stage and on cancellation, removed at the end unless `resume` keeps it. A state of other
/// work is refused.
pub fn run_resumable(
    attack: &DatasetAttack<'_>, resume: Option<&Resume<'_>>, control: &Control, progress: &mut dyn FnMut(&Standing<'_>),
) -> Result<DatasetAttacked> {
    if attack.batch_size < 1 {
        return Err(EngineError::invalid("batchSize", attack.batch_size, "must be at least 1"));
    }
    let source = || Source::Dataset(attack.data, attack.offset);
    let (stages, notes) = stage::stages(attack.spec, class_count(attack.pair, &source())?)?;
    let mut keeper = None;
    let mut found = None;
    if let Some(resume) = resume {
        let (opened, state) = Keeper::open(resume, attack)?;
        (keeper, found) = (Some(opened), state);
    }
    let keep_images = attack.keep_images;
    let mut runner = Runner::new(attack.pair, source(), attack.spec, attack.seed, attack.batch_size, keep_images)?;
    let flags = if let Some((state, ledger)) = found {
        runner.resume(ledger, state.position);
        state.flags
    } else {
        let mut flags = notes;
        flags.extend(flags::of_network(attack.pair, &source(), attack.spec, attack.batch_size)?);
        flags
    };
    let outcome = runner.run(&stages, control, &mut |runner| {
        progress(&Standing {
            done: runner.images_done(&stages),
            robust: runner.ledger().robust_count(),
            stages: &runner.position().outcomes,
        });
        keeper.as_mut().map_or(Ok(()), |keeper| keeper.watch(runner, &flags))
    });
    if let (Err(EngineError::Cancelled), Some(keeper)) = (&outcome, &mut keeper) {
        keeper.save(&runner, &flags)?;
    }
    outcome?;
    if let Some(keeper) = keeper {
        keeper.close(&runner, &flags)?;
    }
    Ok(report(runner, flags))
}

fn report(runner: Runner<'_>, mut flags: Vec<String>) -> DatasetAttacked {
    let mut position = runner.position().clone();
    let ledger = runner.into_ledger();
    flags::of_stages(&mut position.outcomes, ledger.robust.len());
    flags.extend(position.outcomes.iter().flat_map(|stage| stage.flags.iter().cloned()));
    DatasetAttacked {
        audit: ledger.audit(),
        per_image: ledger.robust,
        losses: ledger.loss,
        images: ledger.images,
        stages: position.outcomes,
        flags,
        image_steps: ledger.image_steps,
        seconds: position.seconds,
    }
}
