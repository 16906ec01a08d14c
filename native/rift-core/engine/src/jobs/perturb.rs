//! Online attack: a network stays loaded and batches of images go through it.

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use super::inputs::NetworkFile;
use crate::attack::{attack, norms, Batch, Pair};
use crate::compute::Compute;
use crate::control::Control;
use crate::error::{EngineError, Result};
use crate::net::{Classifier, Plan};
use crate::spec::{AttackSpec, ComputeSpec};

/// Settings of a session.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    network: NetworkFile,
    spec: AttackSpec,
    seed: u32,
    compute: ComputeSpec,
}

/// Images to attack, as they came over the wire.
pub struct Images<'a> {
    /// float32 little-endian pixels.
    pub pixels: &'a [u8],
    /// int64 little-endian labels.
    pub labels: &'a [u8],
    /// [N, 3, H, W].
    pub shape: Vec<i64>,
    /// Number of the first image.
    pub first_index: u64,
}

/// Adversarial images.
pub struct Perturbed {
    /// float32 little-endian pixels.
    pub pixels: Vec<u8>,
    /// int64 little-endian: 1 where the network is still right.
    pub robust: Vec<u8>,
    /// Checks on the perturbations.
    pub audit: Audit,
}

/// `rift.common.v1.AttackAudit`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Audit {
    max_perturbation: f64,
    min_pixel: f64,
    max_pixel: f64,
    nan_count: u64,
    images_changed: u32,
}

/// A network that stays loaded.
pub struct Session {
    fast: Plan,
    judge: Plan,
    spec: AttackSpec,
    seed: u64,
    classes: i64,
    input_size: i64,
}

impl Session {
    /// Loads the network.
    pub fn open(request: &Request) -> Result<Self> {
        request.spec.check().map_err(|error| error.under("attack"))?;
        let network = request.network.read()?;
        let compute = Compute::resolve(&request.compute)?;
        Ok(Self {
            fast: compute.fast_plan(&network)?,
            judge: compute.judge_plan(&network)?,
            spec: compute.attack(&request.spec),
            seed: u64::from(request.seed),
            classes: network.manifest.classes,
            input_size: network.manifest.input_size,
        })
    }

    /// Attacks one batch.
    pub fn perturb(&self, images: &Images<'_>, control: &Control) -> Result<Perturbed> {
        let (pixels, labels) = self.tensors(images)?;
        let ids: Vec<u64> = (0..images.shape[0] as u64).map(|at| images.first_index + at).collect();
        let pair = Pair { fast: &self.fast, judge: &self.judge };
        let device = self.judge.device();
        let (pixels, labels) = (pixels.f_to_device(device)?, labels.f_to_device(device)?);
        let batch = Batch { images: &pixels, labels: &labels, ids: &ids };
        let attacked = attack(&pair, &batch, &self.spec, self.seed, control)?;
        let delta = attacked.images.f_sub(&pixels)?;
        let nan = i64::try_from(&delta.f_isnan()?.f_sum(Kind::Int64)?)? as u64;
        if nan > 0 {
            let detail = "try --precision fp32".to_string();
            return Err(EngineError::Numeric { place: "the adversarial images".into(), detail });
        }
        let sizes = norms::per_image(self.spec.threat_model.norm, &delta)?;
        let changed = delta.f_flatten(1, -1)?.f_abs()?.f_amax([1], false)?.f_gt(0.0)?.f_sum(Kind::Int64)?;
        let audit = Audit {
            max_perturbation: f64::try_from(&sizes.f_max()?)?,
            min_pixel: f64::try_from(&attacked.images.f_min()?)?,
            max_pixel: f64::try_from(&attacked.images.f_max()?)?,
            nan_count: 0,
            images_changed: i64::try_from(&changed)? as u32,
        };
        let robust = attacked.robust.f_to_kind(Kind::Int64)?;
        Ok(Perturbed {
            pixels: crate::checkpoint::bytes::bytes_of(&attacked.images)?,
            robust: crate::checkpoint::bytes::bytes_of(&robust)?,
            audit,
        })
    }

    fn tensors(&self, images: &Images<'_>) -> Result<(Tensor, Tensor)> {
        let size = self.input_size;
        match images.shape.as_slice() {
            [count, 3, height, width] if *count > 0 && *height == size && *width == size => {}
            shape => {
                let rule = format!("must be [N, 3, {size}, {size}], the input of the network");
                return Err(EngineError::invalid("images.shape", format!("{shape:?}"), rule));
            }
        }
        let pixels = crate::checkpoint::bytes::tensor_of(images.pixels, &images.shape, Kind::Float)
            .map_err(|error| error.under("images"))?;
        let labels = crate::checkpoint::bytes::tensor_of(images.labels, &images.shape[..1], Kind::Int64)
            .map_err(|error| error.under("labels"))?;
        let inside = pixels.f_ge(0.0)?.f_logical_and(&pixels.f_le(1.0)?)?.f_all()?;
        if !bool::try_from(&inside)? {
            return Err(EngineError::invalid("images.data", "pixels outside [0, 1] or NaN", "must lie in [0, 1]"));
        }
        let known = labels.f_ge(0)?.f_logical_and(&labels.f_lt(self.classes)?)?.f_all()?;
        if !bool::try_from(&known)? {
            let rule = format!("must be between 0 and {}", self.classes - 1);
            return Err(EngineError::invalid("labels.data", "a label beyond the classes", rule));
        }
        Ok((pixels, labels))
    }
}
