//! Adversarial pictures beside their originals, as PNG.

use std::io::Cursor;

use image::{ImageFormat, RgbImage};
use serde::Serialize;
use tch::{Kind, Tensor};

use crate::data::Dataset;
use crate::error::{EngineError, Result};
use crate::net::{Classifier, Plan};

/// `rift.common.v1.GalleryPicture`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GalleryPicture {
    index: u32,
    label: u32,
    predicted_before: u32,
    predicted_after: u32,
    #[serde(serialize_with = "crate::wire::base64")]
    original_png: Vec<u8>,
    #[serde(serialize_with = "crate::wire::base64")]
    adversarial_png: Vec<u8>,
    #[serde(serialize_with = "crate::wire::base64")]
    difference_png: Vec<u8>,
}

/// The first `count` images that were classified right and fell under attack.
pub fn pick(
    judge: &Plan, data: &Dataset, images: &Tensor, robust: &[u8], predicted: &[i64], count: u32,
) -> Result<Vec<GalleryPicture>> {
    let labels = data.label_vec()?;
    let fallen = (0..robust.len()).filter(|at| robust[*at] == 0 && predicted.get(*at) == Some(&labels[*at]));
    fallen
        .take(count as usize)
        .map(|at| {
            let adversarial = images.f_narrow(0, at as i64, 1)?;
            let logits = tch::no_grad(|| judge.logits(&adversarial.f_to_device(judge.device())?))?;
            let (original, _) = data.batch(&[at as i64])?;
            let gap = adversarial.f_sub(&original)?;
            let scale = f64::try_from(&gap.f_abs()?.f_max()?)?.max(1e-9);
            Ok(GalleryPicture {
                index: at as u32,
                label: labels[at] as u32,
                predicted_before: predicted[at] as u32,
                predicted_after: i64::try_from(&logits.f_argmax(1, false)?.f_get(0)?)? as u32,
                original_png: png(&original)?,
                adversarial_png: png(&adversarial)?,
                difference_png: png(&gap.f_mul_scalar(0.5 / scale)?.f_add_scalar(0.5)?)?,
            })
        })
        .collect()
}

/// PNG of one float image [1, 3, H, W] in [0,1], rounded to 8 bits.
fn png(image: &Tensor) -> Result<Vec<u8>> {
    let shape = image.size();
    let pixels = image.f_mul_scalar(255.0)?.f_round()?.f_clamp(0.0, 255.0)?.f_to_kind(Kind::Uint8)?;
    let bytes = Vec::<u8>::try_from(&pixels.f_permute([0, 2, 3, 1])?.f_contiguous()?.f_flatten(0, -1)?)?;
    let picture = RgbImage::from_raw(shape[3] as u32, shape[2] as u32, bytes)
        .ok_or_else(|| EngineError::Internal("a picture has the wrong size".into()))?;
    let mut encoded = Cursor::new(Vec::new());
    picture.write_to(&mut encoded, ImageFormat::Png).map_err(|error| EngineError::Internal(format!("PNG: {error}")))?;
    Ok(encoded.into_inner())
}
