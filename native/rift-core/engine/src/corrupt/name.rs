//! The names of the corruptions and the lists that benchmarks use.

use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};

/// A corruption, named as CIFAR-C names its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Corruption {
    /// Additive normal noise.
    GaussianNoise,
    /// Poisson noise.
    ShotNoise,
    /// Channel values set to 0 or 1.
    ImpulseNoise,
    /// Correlation with a disk.
    DefocusBlur,
    /// Pixels overwritten by neighbours between two Gaussian blurs.
    GlassBlur,
    /// One-sided blur along a random direction.
    MotionBlur,
    /// Mean of the image and its centre zooms.
    ZoomBlur,
    /// Falling snow over a whitened image.
    Snow,
    /// Crop of a picture of frost laid over the image.
    Frost,
    /// Plasma fractal added, contrast lost.
    Fog,
    /// HSV value raised.
    Brightness,
    /// Distance from the channel mean scaled down.
    Contrast,
    /// Random affine map and smooth displacements.
    ElasticTransform,
    /// Shrunk and enlarged by boxes.
    Pixelate,
    /// JPEG of low quality.
    JpegCompression,
    /// Normal noise proportional to the value.
    SpeckleNoise,
    /// Gaussian blur.
    GaussianBlur,
    /// Drops of water or mud.
    Spatter,
    /// HSV saturation scaled and shifted.
    Saturate,
}

/// The 15 corruptions over which benchmarks average, in the published order.
pub const STANDARD_15: [Corruption; 15] = [
    Corruption::GaussianNoise,
    Corruption::ShotNoise,
    Corruption::ImpulseNoise,
    Corruption::DefocusBlur,
    Corruption::GlassBlur,
    Corruption::MotionBlur,
    Corruption::ZoomBlur,
    Corruption::Snow,
    Corruption::Frost,
    Corruption::Fog,
    Corruption::Brightness,
    Corruption::Contrast,
    Corruption::ElasticTransform,
    Corruption::Pixelate,
    Corruption::JpegCompression,
];

/// The 18 corruptions of `RiFT`'s evaluation script: the standard ones without glass blur, and the four extra ones.
pub const RIFT_18: [Corruption; 18] = [
    Corruption::GaussianNoise,
    Corruption::ShotNoise,
    Corruption::ImpulseNoise,
    Corruption::DefocusBlur,
    Corruption::MotionBlur,
    Corruption::ZoomBlur,
    Corruption::Snow,
    Corruption::Frost,
    Corruption::Fog,
    Corruption::Brightness,
    Corruption::Contrast,
    Corruption::ElasticTransform,
    Corruption::Pixelate,
    Corruption::JpegCompression,
    Corruption::SpeckleNoise,
    Corruption::GaussianBlur,
    Corruption::Spatter,
    Corruption::Saturate,
];

/// All corruptions: the 15 standard ones and the four extra ones, in the published order.
pub const ALL_19: [Corruption; 19] = [
    Corruption::GaussianNoise,
    Corruption::ShotNoise,
    Corruption::ImpulseNoise,
    Corruption::DefocusBlur,
    Corruption::GlassBlur,
    Corruption::MotionBlur,
    Corruption::ZoomBlur,
    Corruption::Snow,
    Corruption::Frost,
    Corruption::Fog,
    Corruption::Brightness,
    Corruption::Contrast,
    Corruption::ElasticTransform,
    Corruption::Pixelate,
    Corruption::JpegCompression,
    Corruption::SpeckleNoise,
    Corruption::GaussianBlur,
    Corruption::Spatter,
    Corruption::Saturate,
];

impl Corruption {
    /// The name of the corruption's CIFAR-C file, without its extension.
    pub fn name(self) -> &'static str {
        match self {
            Self::GaussianNoise => "gaussian_noise",
            Self::ShotNoise => "shot_noise",
            Self::ImpulseNoise => "impulse_noise",
            Self::DefocusBlur => "defocus_blur",
            Self::GlassBlur => "glass_blur",
            Self::MotionBlur => "motion_blur",
            Self::ZoomBlur => "zoom_blur",
            Self::Snow => "snow",
            Self::Frost => "frost",
            Self::Fog => "fog",
            Self::Brightness => "brightness",
            Self::Contrast => "contrast",
            Self::ElasticTransform => "elastic_transform",
            Self::Pixelate => "pixelate",
            Self::JpegCompression => "jpeg_compression",
            Self::SpeckleNoise => "speckle_noise",
            Self::GaussianBlur => "gaussian_blur",
            Self::Spatter => "spatter",
            Self::Saturate => "saturate",
        }
    }

    /// The corruption of that name; an unknown one is `NotFound` with the nearest name.
    pub fn parse(name: &str) -> Result<Self> {
        ALL_19.into_iter().find(|corruption| corruption.name() == name).ok_or_else(|| {
            let known: Vec<String> = ALL_19.iter().map(|corruption| corruption.name().to_string()).collect();
            EngineError::unknown("corruption", name, &known)
        })
    }
}

impl std::fmt::Display for Corruption {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(self.name())
    }
}
