//! Losses that attacks maximise, per image (shape [N]) on logits [N, K].

use tch::{Kind, Tensor};

use crate::error::Result;

/// What an attack maximises.
#[derive(Debug)]
pub enum Loss {
    /// Cross-entropy.
    CrossEntropy,
    /// −(z_y − max other): positive once misclassified (Carlini & Wagner 2017).
    Margin,
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
        Ok(match self {
            Self::CrossEntropy => Self::CrossEntropy,
            Self::Margin => Self::Margin,
            Self::KlTo(clean) => Self::KlTo(clean.f_index_select(0, rows)?),
            Self::SquaredTo(target) => Self::SquaredTo(target.f_index_select(0, rows)?),
        })
    }
}

/// Cross-entropy of each image.
pub fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_cross_entropy_loss(labels, None::<Tensor>, tch::Reduction::None, -100, 0.0)?)
}

/// z_y − max over the other classes: below or at 0 when misclassified.
pub fn margin(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let label = labels.f_unsqueeze(1)?;
    let own = logits.f_gather(1, &label, false)?.f_squeeze_dim(1)?;
    let others = logits.f_scatter_value(1, &label, f64::NEG_INFINITY)?;
    Ok(own.f_sub(&others.f_amax([1], false)?)?)
}

/// Whether each image is classified right (bool [N]).
pub fn is_right(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    Ok(logits.f_argmax(1, false)?.f_eq_tensor(labels)?)
}
