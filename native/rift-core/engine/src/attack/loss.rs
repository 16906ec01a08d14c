//! Losses that attacks maximise, per image (shape [N]) on logits [N, K].

use tch::{Kind, Tensor};

use crate::error::Result;

/// Keeps a difference of logits ratio finite when the logits are equal.
const DLR_TINY: f64 = 1e-12;

/// What an attack maximises.
#[derive(Debug)]
pub enum Loss {
    /// Cross-entropy.
    CrossEntropy,
    /// Largest other logit less the label's: positive once misclassified (Carlini & Wagner 2017).
    Margin,
    /// Difference of logits ratio: the margin ÷ (z₍₁₎ − z₍₃₎); at least 3 classes (Croce & Hein 2020).
    Dlr,
    /// Its targeted form: the target's logit less the label's ÷ (z₍₁₎ − ½(z₍₃₎ + z₍₄₎)), a class per image; at least 4
    /// classes.
    TargetedDlr(Tensor),
    /// The target's logit less the label's, a class per image.
    TargetedMargin(Tensor),
    /// KL(p ‖ softmax(z)) to fixed probabilities of the clean images (TRADES).
    KlTo(Tensor),
    /// ‖softmax(z) − p‖² to fixed probability vectors (SCORE).
    SquaredTo(Tensor),
}

impl Loss {
    /// The loss of each image.
    pub fn per_image(&self, logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
        Ok(match self {
            Self::CrossEntropy => cross_entropy(logits, labels)?,
            Self::Margin => margin(logits, labels)?.f_neg()?,
            Self::Dlr => {
                let (top, _) = logits.f_topk(3, 1, true, true)?;
                let spread = top.f_select(1, 0)?.f_sub(&top.f_select(1, 2)?)?.f_add_scalar(DLR_TINY)?;
                margin(logits, labels)?.f_div(&spread)?.f_neg()?
            }
            Self::TargetedDlr(target) => {
                let (top, _) = logits.f_topk(4, 1, true, true)?;
                let low = top.f_select(1, 2)?.f_add(&top.f_select(1, 3)?)?.f_mul_scalar(0.5)?;
                let spread = top.f_select(1, 0)?.f_sub(&low)?.f_add_scalar(DLR_TINY)?;
                toward(logits, labels, target)?.f_div(&spread)?
            }
            Self::TargetedMargin(target) => toward(logits, labels, target)?,
            Self::KlTo(clean) => {
                let log = logits.f_log_softmax(-1, Kind::Float)?;
                let terms = clean.f_mul(&clean.f_clamp_min(1e-12)?.f_log()?.f_sub(&log)?)?;
                terms.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?
            }
            Self::SquaredTo(target) => {
                let gap = logits.f_softmax(-1, Kind::Float)?.f_sub(target)?;
                gap.f_square()?.f_sum_dim_intlist([1].as_slice(), false, Kind::Float)?
            }
        })
    }

    /// The same loss for the images `rows`.
    pub fn select(&self, rows: &Tensor) -> Result<Self> {
        self.of(|tensor| Ok(tensor.f_index_select(0, rows)?))
    }

    /// The same loss for `count` images from `first` on.
    pub fn narrow(&self, first: i64, count: i64) -> Result<Self> {
        self.of(|tensor| Ok(tensor.f_narrow(0, first, count)?))
    }

    fn of(&self, rows: impl Fn(&Tensor) -> Result<Tensor>) -> Result<Self> {
        Ok(match self {
            Self::CrossEntropy => Self::CrossEntropy,
            Self::Margin => Self::Margin,
            Self::Dlr => Self::Dlr,
            Self::TargetedDlr(target) => Self::TargetedDlr(rows(target)?),
            Self::TargetedMargin(target) => Self::TargetedMargin(rows(target)?),
            Self::KlTo(clean) => Self::KlTo(rows(clean)?),
            Self::SquaredTo(target) => Self::SquaredTo(rows(target)?),
        })
    }
}

/// Cross-entropy of each image.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss(labels, None::<Tensor>, tch::Reduction::None, -100, 0.0)?)
}

/// The label's logit less the largest other: below or at 0 when misclassified.
pub fn margin(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let label = labels.f_unsqueeze(1)?;
    let own = logits.f_gather(1, &label, false)?.f_squeeze_dim(1)?;
    let others = logits.f_scatter_value(1, &label, f64::NEG_INFINITY)?;
    Ok(own.f_sub(&others.f_amax([1], false)?)?)
}

/// The target's logit less the label's.
fn toward(logits: &Tensor, labels: &Tensor, target: &Tensor) -> Result<Tensor> {
    let own = logits.f_gather(1, &labels.f_unsqueeze(1)?, false)?;
    Ok(logits.f_gather(1, &target.f_unsqueeze(1)?, false)?.f_sub(&own)?.f_squeeze_dim(1)?)
}

/// The class at `rank` (0 the likeliest) among those that are not the label, by `logits` (int64 [N]).
pub fn target_class(logits: &Tensor, labels: &Tensor, rank: i64) -> Result<Tensor> {
    let others = logits.f_detach()?.f_scatter_value(1, &labels.f_unsqueeze(1)?, f64::NEG_INFINITY)?;
    let (_, classes) = others.f_sort(1, true)?;
    Ok(classes.f_select(1, rank)?)
}

/// Whether each image is classified right (bool [N]).
pub fn is_right(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(1, false)?.f_eq_tensor(labels)?)
}
