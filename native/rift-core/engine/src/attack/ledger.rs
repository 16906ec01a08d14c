//! What an attack has done to a range of images so far: the worst of all restarts and stages per image, and the audit
//! of every perturbation that was kept.

use serde::{Deserialize, Serialize};
use tch::{Device, Kind, Tensor};

use super::norms;
use super::robust::Attacked;
use crate::error::{EngineError, Result};
use crate::evaluate::{bytes, floats};
use crate::spec::Norm;

/// Checks on the perturbations themselves.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    /// Largest perturbation kept, in the threat model's norm; above ε by float32 rounding at most.
    pub max_perturbation: f64,
    /// Smallest pixel.
    pub min_pixel: f64,
    /// Largest pixel.
    pub max_pixel: f64,
    /// NaN pixels and losses; anything but 0 fails the job, so a result always says 0.
    pub nan_count: u64,
    /// Images that differ from their originals.
    pub images_changed: u32,
}

impl Default for Audit {
    fn default() -> Self {
        Self { max_perturbation: 0.0, min_pixel: 1.0, max_pixel: 0.0, nan_count: 0, images_changed: 0 }
    }
}

/// Per image: 1 robust so far, the loss and the image kept; and sums over all of it.
#[derive(Debug)]
pub struct Ledger {
    /// 1 where no attack succeeded yet.
    pub robust: Vec<u8>,
    /// Cross-entropy at the image kept; −∞ before the first.
    pub loss: Vec<f32>,
    /// 1 where the image kept differs from the original.
    pub changed: Vec<u8>,
    /// Images kept, float32 [N, C, H, W], when asked for.
    pub images: Option<Tensor>,
    /// Audit so far; `images_changed` is filled in by [`Ledger::audit`].
    pub audit: Audit,
    /// Image-steps so far.
    pub image_steps: u64,
    norm: Norm,
}

impl Ledger {
    /// An account of `count` images, all robust, nothing kept; `images` holds the originals when images are to be kept.
    pub fn new(count: usize, norm: Norm, images: Option<Tensor>) -> Self {
        Self {
            robust: vec![1; count],
            loss: vec![f32::NEG_INFINITY; count],
            changed: vec![0; count],
            images,
            audit: Audit::default(),
            image_steps: 0,
            norm,
        }
    }

    /// Books an attack on the images `indices` whose originals are `clean`. An attack that fooled the network beats one
    /// that did not; among equals the higher loss wins, the later on ties.
    pub fn record(&mut self, indices: &[i64], clean: &Tensor, attacked: &Attacked) -> Result<()> {
        let (robust, loss) = (bytes(&attacked.robust)?, floats(&attacked.loss)?);
        let mut rows = Vec::new();
        for (row, &index) in indices.iter().enumerate() {
            let at = index as usize;
            let fell = robust[row] == 0;
            let was_robust = self.robust[at] == 1;
            let takes = if fell == was_robust { fell } else { loss[row] >= self.loss[at] };
            if fell {
                self.robust[at] = 0;
            }
            if takes || loss[row].is_nan() {
                self.loss[at] = loss[row];
                rows.push(row as i64);
            }
        }
        self.image_steps += i64::try_from(&attacked.steps.f_sum(Kind::Int64)?)? as u64;
        self.keep(indices, &rows, clean, &attacked.images, &loss)
    }

    /// The audit with the number of images changed.
    pub fn audit(&self) -> Audit {
        let images_changed = self.changed.iter().map(|changed| u32::from(*changed)).sum();
        Audit { images_changed, ..self.audit }
    }

    /// Audits and keeps the rows `rows` of `images`.
    fn keep(&mut self, indices: &[i64], rows: &[i64], clean: &Tensor, images: &Tensor, loss: &[f32]) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let index = Tensor::f_from_slice(rows)?.f_to_device(images.device())?;
        let (images, clean) = (images.f_index_select(0, &index)?, clean.f_index_select(0, &index)?);
        let nan = i64::try_from(&images.f_isnan()?.f_sum(Kind::Int64)?)? as usize;
        let nan = nan + rows.iter().filter(|&&row| loss[row as usize].is_nan()).count();
        if nan > 0 {
            return Err(EngineError::Numeric {
                place: format!("attack on images {} to {}", indices[0], indices[indices.len() - 1]),
                detail: format!("{nan} NaN pixels or losses; check the network's weights, or try precision fp32"),
            });
        }
        let perturbation = norms::per_image(self.norm, &images.f_sub(&clean)?)?.f_view([-1])?;
        let audit = &mut self.audit;
        audit.max_perturbation = audit.max_perturbation.max(f64::try_from(&perturbation.f_max()?)?);
        audit.min_pixel = audit.min_pixel.min(f64::try_from(&images.f_min()?)?);
        audit.max_pixel = audit.max_pixel.max(f64::try_from(&images.f_max()?)?);
        let targets: Vec<i64> = rows.iter().map(|&row| indices[row as usize]).collect();
        for (target, size) in targets.iter().zip(floats(&perturbation)?) {
            self.changed[*target as usize] = u8::from(size > 0.0);
        }
        if let Some(kept) = &mut self.images {
            let target = Tensor::f_from_slice(&targets)?.f_to_device(kept.device())?;
            let _ = kept.f_index_copy_(0, &target, &images.f_to_device(kept.device())?)?;
        }
        Ok(())
    }

    /// Indices still to be attacked from `from` on: the robust ones, or every one.
    pub fn pool(&self, from: i64, everything: bool) -> Vec<i64> {
        (from..self.robust.len() as i64).filter(|&index| everything || self.robust[index as usize] == 1).collect()
    }

    /// Images robust so far.
    pub fn robust_count(&self) -> u32 {
        self.robust.iter().map(|robust| u32::from(*robust)).sum()
    }

    /// Robust flags as a bool tensor and losses as a float tensor, on `device`.
    pub fn tensors(&self, device: Device) -> Result<(Tensor, Tensor)> {
        let robust = Tensor::f_from_slice(&self.robust)?.f_to_kind(Kind::Bool)?.f_to_device(device)?;
        Ok((robust, Tensor::f_from_slice(&self.loss)?.f_to_device(device)?))
    }
}
