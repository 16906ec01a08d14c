//! Accuracy of a classifier on clean images.

use serde::Serialize;
use tch::{Kind, Tensor};

use crate::attack::loss::{cross_entropy, is_right};
use crate::control::Control;
use crate::data::dataset::Dataset;
use crate::error::Result;
use crate::lanes::quiet;
use crate::net::Classifier;

/// How many images are classified right, and which.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// Images classified right.
    pub correct: u32,
    /// Images judged.
    pub total: u32,
    /// 1 right, 0 wrong, per image; base64 on the wire.
    #[serde(serialize_with = "crate::wire::base64")]
    pub per_image: Vec<u8>,
    /// Mean cross-entropy.
    pub mean_loss: f64,
}

impl Outcome {
    /// Outcome of images whose judgement (0 or 1) and loss are given.
    pub fn new(per_image: Vec<u8>, losses: &[f32]) -> Self {
        let mean_loss = losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / losses.len().max(1) as f64;
        let correct = per_image.iter().map(|right| u32::from(*right)).sum();
        Self { correct, total: per_image.len() as u32, per_image, mean_loss }
    }

    /// Share of images classified right.
    pub fn accuracy(&self) -> f64 {
        f64::from(self.correct) / f64::from(self.total.max(1))
    }
}

/// Judges every image of `data` as it is.
pub fn standard(model: &dyn Classifier, data: &Dataset, batch_size: i64, control: &Control) -> Result<Outcome> {
    let (outcome, _) = predictions(model, data, batch_size, control)?;
    Ok(outcome)
}

/// Judges every image and returns the predicted classes too.
pub fn predictions(
    model: &dyn Classifier, data: &Dataset, batch_size: i64, control: &Control,
) -> Result<(Outcome, Vec<i64>)> {
    let _quiet = quiet(model.lanes().len());
    let (mut right, mut losses, mut classes) = (Vec::new(), Vec::new(), Vec::new());
    let mut at = 0;
    while at < data.len() {
        control.check()?;
        let indices: Vec<i64> = (at..(at + batch_size).min(data.len())).collect();
        let (images, labels) = data.batch(&indices)?;
        let (images, labels) = (images.f_to_device(model.device())?, labels.f_to_device(model.device())?);
        let logits = tch::no_grad(|| model.logits(&images))?;
        right.extend(bytes(&is_right(&logits, &labels)?)?);
        losses.extend(floats(&cross_entropy(&logits, &labels)?)?);
        classes.extend(Vec::<i64>::try_from(&logits.f_argmax(1, false)?)?);
        at += batch_size;
    }
    Ok((Outcome::new(right, &losses), classes))
}

/// A bool vector as bytes 0 and 1.
pub fn bytes(mask: &Tensor) -> Result<Vec<u8>> {
    Ok(Vec::<u8>::try_from(&mask.f_to_kind(Kind::Uint8)?.f_to_device(tch::Device::Cpu)?)?)
}

/// A float vector.
pub fn floats(values: &Tensor) -> Result<Vec<f32>> {
    Ok(Vec::<f32>::try_from(&values.f_to_kind(Kind::Float)?.f_to_device(tch::Device::Cpu)?)?)
}
