//! Gradients looked at directly: are they there, do they tell how the loss changes, does the last iterate of a plain PGD
//! stand for its path, and do the fast and the exact network agree on it.

use tch::{Kind, Tensor};

use super::Subject;
use crate::attack::loss::{is_right, Loss};
use crate::attack::{norms, pgd, Batch};
use crate::control::Control;
use crate::error::Result;
use crate::rng;
use crate::spec::{AttackSpec, Norm, ThreatModel};

/// Random directions per image in which the loss is compared with what the gradient says.
const DIRECTIONS: u64 = 4;
/// Length of a direction as a share of ε: far enough to cross the steps of a quantised activation, near enough for a
/// network that is smooth to look linear.
const REACH: f64 = 0.125;
const STEPS: u32 = 10;

/// What was found, as counts and shares of images.
#[derive(Debug, Default)]
pub struct Probed {
    /// Images looked at.
    pub images: u64,
    /// Images at which the gradient of the margin, which never saturates, is zero everywhere.
    pub no_gradient: u64,
    /// Share of the variance of loss changes that gradients explain; at most 1.
    pub explained: f64,
    /// Images fooled on PGD's path, not at its end.
    pub silent: u64,
    /// Images on whose last iterate the fast and the exact network differ.
    pub apart: u64,
}

/// Looks at every image.
pub fn probe(subject: &Subject<'_>, model: ThreatModel, control: &Control) -> Result<Probed> {
    let mut probed = Probed::default();
    let (mut unexplained, mut all) = (0.0, 0.0);
    let indices: Vec<i64> = (0..subject.data.len()).collect();
    for part in indices.chunks(subject.batch_size.max(1) as usize) {
        control.check()?;
        let (images, labels) = subject.data.batch(part)?;
        let device = subject.pair.judge.device();
        let (images, labels) = (images.f_to_device(device)?, labels.f_to_device(device)?);
        let ids: Vec<u64> = part.iter().map(|at| subject.offset + *at as u64).collect();
        let batch = Batch { images: &images, labels: &labels, ids: &ids };
        probed.images += ids.len() as u64;
        let (missing, rest, total) = response(subject, &batch, model, control)?;
        probed.no_gradient += missing;
        (unexplained, all) = (unexplained + rest, all + total);
        let (silent, apart) = path(subject, &batch, model, control)?;
        (probed.silent, probed.apart) = (probed.silent + silent, probed.apart + apart);
    }
    probed.explained = if all > 0.0 { 1.0 - unexplained / all } else { 0.0 };
    Ok(probed)
}

/// Images without a gradient at a random point of the ball, and, over random directions there, the sum of squared changes of
/// the margin that the gradient does not explain, and of all of them. Differences are central, so that curvature cancels.
fn response(
    subject: &Subject<'_>, batch: &Batch<'_>, model: ThreatModel, control: &Control,
) -> Result<(u64, f64, f64)> {
    let judge = subject.pair.judge;
    let spec = plain(model);
    let start = pgd::start(batch, &spec, rng::derive(subject.seed, "probe", &[]), 0)?;
    let (_, gradient) = pgd::gradient(judge, &start, batch.labels, &Loss::Margin)?;
    let none = gradient.f_flatten(1, -1)?.f_abs()?.f_amax([1], false)?.f_eq(0.0)?.f_sum(Kind::Int64)?;
    let (mut unexplained, mut all) = (0.0, 0.0);
    for number in 0..DIRECTIONS {
        control.check()?;
        let direction = direction(batch, model, subject.seed, number)?.f_to_device(start.device())?;
        let (ahead, behind) =
            (start.f_add(&direction)?.f_clamp(0.0, 1.0)?, start.f_sub(&direction)?.f_clamp(0.0, 1.0)?);
        let expected = gradient.f_mul(&ahead.f_sub(&behind)?)?.f_flatten(1, -1)?;
        let expected = expected.f_sum_dim_intlist([1].as_slice(), false, Kind::Double)?;
        let at = |images: &Tensor| -> Result<Tensor> {
            let logits = tch::no_grad(|| judge.logits(images))?;
            Ok(Loss::Margin.per_image(&logits, batch.labels)?.f_to_kind(Kind::Double)?)
        };
        let change = at(&ahead)?.f_sub(&at(&behind)?)?;
        let sum = |values: &Tensor| -> Result<f64> { Ok(f64::try_from(&values.f_square()?.f_sum(Kind::Double)?)?) };
        unexplained += sum(&change.f_sub(&expected)?)?;
        all += sum(&change)?;
    }
    Ok((i64::try_from(&none)? as u64, unexplained, all))
}

/// A random direction of [`REACH`]·ε: signs in L∞, a Gaussian direction in L2.
fn direction(batch: &Batch<'_>, model: ThreatModel, seed: u64, number: u64) -> Result<Tensor> {
    let noise = rng::normal_per_image(seed, "probe direction", batch.ids, number, &batch.images.size()[1..])?;
    let length = REACH * model.epsilon;
    Ok(match model.norm {
        Norm::Linf => noise.f_sign()?.f_mul_scalar(length)?,
        norm => noise.f_div(&norms::per_image(norm, &noise)?)?.f_mul_scalar(length)?,
    })
}

/// A plain PGD to the end: images fooled on the way and not at the end, and images at whose end the networks differ.
fn path(subject: &Subject<'_>, batch: &Batch<'_>, model: ThreatModel, control: &Control) -> Result<(u64, u64)> {
    let (fast, judge) = (subject.pair.fast, subject.pair.judge);
    let spec = plain(model);
    let mut current = pgd::start(batch, &spec, rng::derive(subject.seed, "probe path", &[]), 0)?;
    let mut fooled = batch.labels.f_zeros_like()?.f_to_kind(Kind::Bool)?;
    for _ in 0..STEPS {
        control.check()?;
        let (logits, gradient) = pgd::gradient(fast, &current, batch.labels, &Loss::CrossEntropy)?;
        fooled = fooled.f_logical_or(&is_right(&logits, batch.labels)?.f_logical_not()?)?;
        current = pgd::step(batch.images, &current, &gradient, &spec)?;
    }
    let class = |network: &dyn crate::net::Classifier| -> Result<Tensor> {
        Ok(tch::no_grad(|| network.logits(&current))?.f_argmax(1, false)?)
    };
    let (by_fast, by_judge) = (class(fast)?, class(judge)?);
    let silent = fooled.f_logical_and(&by_fast.f_eq_tensor(batch.labels)?)?.f_sum(Kind::Int64)?;
    let apart = by_fast.f_ne_tensor(&by_judge)?.f_sum(Kind::Int64)?;
    Ok((i64::try_from(&silent)? as u64, i64::try_from(&apart)? as u64))
}

fn plain(model: ThreatModel) -> AttackSpec {
    AttackSpec { threat_model: model, ..AttackSpec::pgd(model.epsilon, model.epsilon / 4.0, STEPS, 1) }
}
