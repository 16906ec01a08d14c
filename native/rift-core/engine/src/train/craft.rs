//! Crafting the images of one training step. What the attack maximises follows from the method: cross-entropy (PGD, FAST,
//! AWP, MART), KL(p(x) ‖ p(x′)) (TRADES), ‖p(x′) − onehot‖² (SCORE) or ‖p(x′) − p(x)‖² (SCORE-TRADES).

use tch::{Device, Kind, Tensor};

use super::losses::target;
use crate::attack::loss::Loss;
use crate::attack::{pgd, Batch};
use crate::compute::Compute;
use crate::control::Control;
use crate::error::Result;
use crate::lanes::{self, spans};
use crate::net::{BatchNorm, Classifier, Forward, Network};
use crate::rng;
use crate::spec::{CraftBatchNorm, TrainMethod, TrainSpec};

/// The network with batch statistics as an attack sees it.
pub struct WithBatchStatistics<'a>(pub &'a dyn Forward, pub BatchNorm, pub Device);

impl Classifier for WithBatchStatistics<'_> {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.0.forward(images, self.1)
    }

    fn device(&self) -> Device {
        self.2
    }
}

/// Training images of one batch: the last iterates, or the images themselves where the method crafts none.
pub fn craft(
    network: &Network, executor: &dyn Forward, batch: &Batch<'_>, spec: &TrainSpec, epoch: u32, compute: &Compute,
    control: &Control,
) -> Result<Tensor> {
    if spec.method == TrainMethod::Standard {
        return Ok(batch.images.shallow_clone());
    }
    let seed = rng::derive(u64::from(spec.seed), "craft", &[u64::from(epoch)]);
    let start = start(batch, spec, seed)?;
    match spec.craft_batch_norm {
        CraftBatchNorm::Eval => ascend(&compute.fast_plan(network)?, batch, &start, spec, control),
        CraftBatchNorm::Train => {
            let model = WithBatchStatistics(executor, BatchNorm::Train, compute.device);
            ascend(&model, batch, &start, spec, control)
        }
        CraftBatchNorm::TrainUntracked => {
            let model = WithBatchStatistics(executor, BatchNorm::TrainUntracked, compute.device);
            ascend(&model, batch, &start, spec, control)
        }
    }
}

/// First iterate: the image plus Gaussian noise (not clipped, as in TRADES), or where the attack starts.
fn start(batch: &Batch<'_>, spec: &TrainSpec, seed: u64) -> Result<Tensor> {
    if spec.start_noise <= 0.0 {
        return pgd::start(batch, spec.crafting()?, seed, 0);
    }
    let noise = rng::normal_per_image(seed, "craft noise", batch.ids, 0, &batch.images.size()[1..])?;
    Ok(batch.images.f_add(&noise.f_mul_scalar(spec.start_noise)?.f_to_device(batch.images.device())?)?)
}

/// Last iterate of the method's attack on `model` from `start`, inside ball and image box. Lanes, where the model has some,
/// take their rows from the first step to the last.
pub fn ascend(
    model: &dyn Classifier, batch: &Batch<'_>, start: &Tensor, spec: &TrainSpec, control: &Control,
) -> Result<Tensor> {
    let parts = spans(batch.ids.len() as i64, model.lanes().len());
    if parts.len() < 2 {
        return ascend_alone(model, batch, start, spec, control);
    }
    let parts = parts.into_iter().zip(model.lanes()).map(|((first, rows), lane)| {
        let part = |tensor: &Tensor| tensor.f_narrow(0, first, rows);
        let (images, labels, start) = (part(batch.images)?, part(batch.labels)?, part(start)?);
        let ids = batch.ids[first as usize..(first + rows) as usize].to_vec();
        let (lane, spec, control) = (lane.clone(), spec.clone(), control.clone());
        Ok(move || {
            let batch = Batch { images: &images, labels: &labels, ids: &ids };
            ascend_alone(&lane, &batch, &start, &spec, &control)
        })
    });
    Ok(Tensor::f_cat(&lanes::run(parts.collect::<Result<_>>()?)?, 0)?)
}

fn ascend_alone(
    model: &dyn Classifier, batch: &Batch<'_>, start: &Tensor, spec: &TrainSpec, control: &Control,
) -> Result<Tensor> {
    let attack = spec.crafting()?;
    let loss = objective(model, batch, spec.method)?;
    let mut crafted = start.shallow_clone();
    for _ in 0..attack.steps {
        control.check()?;
        let (_, gradient) = pgd::gradient(model, &crafted, batch.labels, &loss)?;
        crafted = pgd::step(batch.images, &crafted, &gradient, attack)?;
    }
    Ok(crafted)
}

/// What the crafting maximises, the clean images' probabilities being constants.
fn objective(model: &dyn Classifier, batch: &Batch<'_>, method: TrainMethod) -> Result<Loss> {
    use TrainMethod::{Score, ScoreTrades, Trades, TradesAwp};
    if !matches!(method, Score | ScoreTrades | Trades | TradesAwp) {
        return Ok(Loss::CrossEntropy);
    }
    let logits = tch::no_grad(|| model.logits(batch.images))?;
    let natural = logits.f_softmax(-1, Kind::Float)?;
    Ok(match method {
        Score => Loss::SquaredTo(target(batch.labels, natural.size()[1], 0.0)?),
        ScoreTrades => Loss::SquaredTo(natural),
        _ => Loss::KlTo(natural),
    })
}
