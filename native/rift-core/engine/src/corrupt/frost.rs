//! Frost: a crop of a picture of frost laid over the image. The published corruption uses five photographs that are not
//! part of this project; a folder of them is named by the environment variable [`FOLDER`] or given to [`load`]. Without
//! them a procedural texture of the same colours, contrast and coarseness stands in, and [`Pictures::source`] says so.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use image::{ImageReader, Limits};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

use super::filter::{gaussian, Border};
use super::scene::Scene;
use crate::error::{EngineError, Result};
use crate::rng;

/// Environment variable that names the folder of the published frost pictures.
pub const FOLDER: &str = "RIFT_FROST_DIR";
/// The published pictures; the source never draws its sixth.
pub const FILES: [&str; 5] = ["frost1.png", "frost2.png", "frost3.png", "frost4.jpg", "frost5.jpg"];

/// Scales of the pictures for images of 32 and 64 pixels.
const SCALES: [f64; 2] = [0.2, 0.3];
const MAX_SIDE: u32 = 8192;
const MAX_DECODER_BYTES: u64 = 512 << 20;

/// Where the frost comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrostSource {
    /// The five published photographs.
    Published,
    /// A generated texture; accuracies under it are not comparable with published ones.
    Procedural,
}

/// Five pictures of frost, scaled for both image sizes.
#[derive(Debug)]
pub struct Pictures {
    source: FrostSource,
    at_32: Vec<Picture>,
    at_64: Vec<Picture>,
}

#[derive(Debug)]
struct Picture {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

/// The pictures that this process uses: those in the folder named by [`FOLDER`], read once, or the procedural ones when
/// the variable is not set.
///
/// # Errors
/// Those of [`load`]; a folder that was named is never replaced by the texture.
pub fn current() -> Result<Arc<Pictures>> {
    static CURRENT: OnceLock<Arc<Pictures>> = OnceLock::new();
    if let Some(pictures) = CURRENT.get() {
        return Ok(Arc::clone(pictures));
    }
    let pictures = match std::env::var_os(FOLDER).filter(|folder| !folder.is_empty()) {
        Some(folder) => load(Path::new(&folder))?,
        None => procedural(),
    };
    Ok(Arc::clone(CURRENT.get_or_init(|| Arc::new(pictures))))
}

/// Reads the five published pictures ([`FILES`]) from `folder`.
///
/// # Errors
/// `NotFound` for a missing file, `InvalidFile` for one that is no picture or too small to cut 64×64 pixels from.
pub fn load(folder: &Path) -> Result<Pictures> {
    let mut scaled = [Vec::new(), Vec::new()];
    for file in FILES {
        let path = folder.join(file);
        let picture = decode(&path)?;
        for ((pictures, scale), side) in scaled.iter_mut().zip(SCALES).zip([32, 64]) {
            let picture = picture.resized(scale);
            if picture.width <= side || picture.height <= side {
                let reason = format!("is too small: scaled by {scale} it must exceed {side}×{side} pixels");
                return Err(EngineError::file(&path, reason));
            }
            pictures.push(picture);
        }
    }
    let [at_32, at_64] = scaled;
    Ok(Pictures { source: FrostSource::Published, at_32, at_64 })
}

fn decode(path: &Path) -> Result<Picture> {
    let reader = ImageReader::open(path).and_then(ImageReader::with_guessed_format);
    let mut reader = reader.map_err(|error| EngineError::io(path, error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    let unreadable = |error| EngineError::file(path, format!("cannot be read as an image: {error}; replace it"));
    let image = reader.decode().map_err(unreadable)?.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(Picture { width, height, pixels: image.pixels().map(|pixel| pixel.0).collect() })
}

impl Pictures {
    /// Whether these are the published pictures.
    pub fn source(&self) -> FrostSource {
        self.source
    }

    /// a·x + b·frost, where frost is a random crop of one of the five pictures.
    pub(super) fn cover(&self, scene: &mut Scene, out: &mut [u8]) {
        let (keep, amount) = scene.choose(
            [(1.0, 0.2), (1.0, 0.3), (0.9, 0.4), (0.85, 0.4), (0.75, 0.45)],
            [(1.0, 0.3), (0.9, 0.4), (0.8, 0.45), (0.75, 0.5), (0.7, 0.55)],
        );
        let (side, area) = (scene.side, scene.area());
        let pictures = if side == 32 { &self.at_32 } else { &self.at_64 };
        let picture = &pictures[scene.rng.random_range(0..pictures.len())];
        let top = scene.rng.random_range(0..picture.height - side);
        let left = scene.rng.random_range(0..picture.width - side);
        for at in 0..area {
            let frost = picture.pixels[(top + at / side) * picture.width + left + at % side];
            for (channel, frost) in frost.into_iter().enumerate() {
                let value = keep * f64::from(scene.pixels[channel * area + at]) + amount * f64::from(frost);
                out[channel * area + at] = value.min(255.0) as u8;
            }
        }
    }
}

impl Picture {
    /// Scaled by bilinear interpolation between the four nearest pixels, without smoothing.
    fn resized(&self, scale: f64) -> Self {
        let length = |old: usize| (old as f64 * scale).round_ties_even() as usize;
        let (width, height) = (length(self.width), length(self.height));
        let place = |at: usize, old: usize| {
            let position = ((at as f64 + 0.5) / scale - 0.5).clamp(0.0, (old - 1) as f64);
            let first = (position as usize).min(old.saturating_sub(2));
            (first, (first + 1).min(old - 1), position - first as f64)
        };
        let mut pixels = Vec::with_capacity(width * height);
        for (above, below, down) in (0..height).map(|y| place(y, self.height)) {
            for (left, right, across) in (0..width).map(|x| place(x, self.width)) {
                let corner = |y: usize, x: usize| self.pixels[y * self.width + x];
                let corners = [corner(above, left), corner(above, right), corner(below, left), corner(below, right)];
                pixels.push(std::array::from_fn(|channel| {
                    let [a, b, c, d] = corners.map(|corner| f64::from(corner[channel]));
                    let (top, bottom) = (a + (b - a) * across, c + (d - c) * across);
                    (top + (bottom - top) * down).round_ties_even() as u8
                }));
            }
        }
        Self { width, height, pixels }
    }
}

/// Mean colour and contrast (standard deviation of the grey value) of the published pictures.
const LOOKS: [([f64; 3], f64); 5] = [
    ([78.0, 149.0, 166.0], 18.0),
    ([201.0, 205.0, 215.0], 22.0),
    ([201.0, 205.0, 215.0], 22.0),
    ([138.0, 153.0, 166.0], 29.0),
    ([112.0, 123.0, 135.0], 43.0),
];
/// Share of the variance at each coarseness (σ of a blur in pixels), fitted to the pictures' autocorrelation: fine
/// crystals over broad patches.
const GRAINS: [(f64, f64); 4] = [(0.0, 0.36), (0.8, 0.16), (3.0, 0.12), (12.0, 0.36)];
/// Side of the procedural pictures for images of 32 pixels.
const TEXTURE: usize = 128;

/// Five generated pictures, the same in every process.
pub fn procedural() -> Pictures {
    let picture = |number: usize, zoom: usize| {
        let side = TEXTURE * (1 + zoom);
        let mut rng = rng::stream(0, "procedural frost", &[number as u64, zoom as u64]);
        let heights = texture(&mut rng, side);
        let (colour, contrast) = LOOKS[number];
        let pixel = |height: f64| colour.map(|mean| (mean + contrast * height).clamp(0.0, 255.0) as u8);
        Picture { width: side, height: side, pixels: heights.into_iter().map(pixel).collect() }
    };
    let set = |zoom: usize| (0..LOOKS.len()).map(|number| picture(number, zoom)).collect();
    Pictures { source: FrostSource::Procedural, at_32: set(0), at_64: set(1) }
}

/// A side×side field of mean 0 and variance 1.
fn texture(rng: &mut ChaCha8Rng, side: usize) -> Vec<f64> {
    let mut sum = vec![0.0; side * side];
    for (sigma, share) in GRAINS {
        let mut layer: Vec<f64> = (0..side * side).map(|_| StandardNormal.sample(rng)).collect();
        gaussian(&mut layer, side, sigma, 3.0, Border::Reflect);
        let mean = layer.iter().sum::<f64>() / layer.len() as f64;
        let variance = layer.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / layer.len() as f64;
        let scale = (share / variance).sqrt();
        sum.iter_mut().zip(layer).for_each(|(sum, value)| *sum += (value - mean) * scale);
    }
    sum
}
