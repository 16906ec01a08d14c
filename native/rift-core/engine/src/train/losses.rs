//! Losses that training descends, on logits (float32 [N, K]) of clean images x and of crafted images x′, p = softmax:
//!
//! * PGD, FAST, AWP, STANDARD: CE(x′, y)
//! * TRADES, TRADES-AWP: CE(x, y) + β·mean KL(p(x) ‖ p(x′)), the gradient flowing through both
//! * MART: CE(x′, y) − mean log(1.0001 − p_k(x′) + 1e-12) + β·mean[KL(p(x) ‖ p(x′))·(1.0000001 − p_y(x))], k the likeliest
//!   class of x′ other than y
//! * SCORE: mean max(0, ‖p(x′) − t‖² − b)
//! * SCORE-TRADES: mean max(0, ‖p(x) − t‖² + β·‖p(x′) − p(x)‖² − b), or mean[‖p(x) − t‖² + max(0, β·‖…‖² − b)]
//!
//! with t the (smoothed) one-hot target and b = c² + c²/(K − 1).

use tch::{Kind, Reduction, Tensor};

use crate::attack::loss::cross_entropy;
use crate::error::Result;
use crate::spec::{TrainMethod, TrainSpec};

/// Keep the logarithms of MART finite, as its reference does.
const MARGIN_TOP: f64 = 1.0001;
const TRUST_TOP: f64 = 1.000_000_1;
const TINY: f64 = 1e-12;

/// Whether the loss reads logits of the clean images too.
pub fn needs_clean(method: TrainMethod) -> bool {
    use TrainMethod::{Mart, ScoreTrades, Trades, TradesAwp};
    matches!(method, Trades | TradesAwp | Mart | ScoreTrades)
}

/// Whether the reference code runs the clean images before the crafted ones; the running statistics tell.
pub fn clean_first(method: TrainMethod) -> bool {
    matches!(method, TrainMethod::Trades | TrainMethod::Mart)
}

/// The loss of `spec.method`. `clean` is read where [`needs_clean`] says so; elsewhere the crafted logits may be passed twice.
pub fn training_loss(clean: &Tensor, crafted: &Tensor, labels: &Tensor, spec: &TrainSpec) -> Result<Tensor> {
    use TrainMethod::{Awp, Fast, Mart, Pgd, Score, ScoreTrades, Standard, Trades, TradesAwp};
    Ok(match spec.method {
        Pgd | Fast | Awp | Standard => smoothed_cross_entropy(crafted, labels, spec.label_smoothing)?,
        Trades | TradesAwp => {
            let accuracy = smoothed_cross_entropy(clean, labels, spec.label_smoothing)?;
            accuracy.f_add(&mean(&divergence(clean, crafted)?)?.f_mul_scalar(spec.beta)?)?
        }
        Mart => mart(clean, crafted, labels, spec.beta)?,
        Score => {
            let target = target(labels, crafted.size()[1], spec.label_smoothing)?;
            mean(&clipped(&squared_distance(&probabilities(crafted)?, &target)?, spec, crafted)?)?
        }
        ScoreTrades => score_trades(clean, crafted, labels, spec)?,
    })
}

fn smoothed_cross_entropy(logits: &Tensor, labels: &Tensor, smoothing: f64) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss(labels, None::<Tensor>, Reduction::Mean, -100, smoothing)?)
}

/// KL(softmax(p) ‖ softmax(q)) of each image, differentiable in both.
pub fn divergence(p: &Tensor, q: &Tensor) -> Result<Tensor> {
    let log = p.f_log_softmax(-1, Kind::Float)?;
    let gap = log.f_sub(&q.f_log_softmax(-1, Kind::Float)?)?;
    Ok(log.f_exp()?.f_mul(&gap)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?)
}

fn mart(clean: &Tensor, crafted: &Tensor, labels: &Tensor, beta: f64) -> Result<Tensor> {
    let label = labels.f_unsqueeze(1)?;
    let adversarial = probabilities(crafted)?;
    let rivals = adversarial.f_detach()?.f_scatter_value(1, &label, f64::NEG_INFINITY)?.f_argmax(1, true)?;
    let rival = adversarial.f_gather(1, &rivals, false)?;
    let margin = rival.f_neg()?.f_add_scalar(MARGIN_TOP)?.f_add_scalar(TINY)?.f_log()?.f_neg()?.f_mean(Kind::Float)?;
    let accuracy = mean(&cross_entropy(crafted, labels)?)?.f_add(&margin)?;

    let log = clean.f_log_softmax(-1, Kind::Float)?;
    let natural = log.f_exp()?;
    let gap = log.f_sub(&adversarial.f_add_scalar(TINY)?.f_log()?)?;
    let divergence = natural.f_mul(&gap)?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?;
    let doubt = natural.f_gather(1, &label, false)?.f_squeeze_dim(1)?.f_neg()?.f_add_scalar(TRUST_TOP)?;
    Ok(accuracy.f_add(&mean(&divergence.f_mul(&doubt)?)?.f_mul_scalar(beta)?)?)
}

fn score_trades(clean: &Tensor, crafted: &Tensor, labels: &Tensor, spec: &TrainSpec) -> Result<Tensor> {
    let natural = probabilities(clean)?;
    let accuracy = squared_distance(&natural, &target(labels, clean.size()[1], spec.label_smoothing)?)?;
    let robust = squared_distance(&probabilities(crafted)?, &natural)?.f_mul_scalar(spec.beta)?;
    mean(&if spec.score_clips_second_term {
        accuracy.f_add(&clipped(&robust, spec, clean)?)?
    } else {
        clipped(&accuracy.f_add(&robust)?, spec, clean)?
    })
}

/// max(0, loss − c² − c²/(K − 1)): no more is asked for than that the probability vector is within clip distance of the target.
fn clipped(loss: &Tensor, spec: &TrainSpec, logits: &Tensor) -> Result<Tensor> {
    let clip = spec.score_clip.powi(2);
    let bound = clip + clip / (logits.size()[1] as f64 - 1.0);
    Ok(loss.f_sub_scalar(bound)?.f_clamp_min(0.0)?)
}

/// One-hot labels with `smoothing` spread over the other classes: (1 − K·s/(K − 1))·onehot + s/(K − 1).
pub fn target(labels: &Tensor, classes: i64, smoothing: f64) -> Result<Tensor> {
    let others = smoothing / (classes as f64 - 1.0);
    let onehot = labels.f_one_hot(classes)?.f_to_kind(Kind::Float)?;
    Ok(onehot.f_mul_scalar(1.0 - classes as f64 * others)?.f_add_scalar(others)?)
}

fn probabilities(logits: &Tensor) -> Result<Tensor> {
    Ok(logits.f_softmax(-1, Kind::Float)?)
}

fn squared_distance(a: &Tensor, b: &Tensor) -> Result<Tensor> {
    Ok(a.f_sub(b)?.f_square()?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?)
}

fn mean(per_image: &Tensor) -> Result<Tensor> {
    Ok(per_image.f_mean(Kind::Float)?)
}
