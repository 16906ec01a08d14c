//! The 19 corruptions of CIFAR-C and Tiny-ImageNet-C (Hendrycks & Dietterich 2019, `make_cifar_c.py` and
//! `make_tinyimagenet_c.py`) for 8-bit colour images of 32 or 64 pixels a side.
//!
//! The published files were drawn from an unseeded generator, so they cannot be made again bit for bit: deterministic
//! corruptions give the values that the published procedure gives, random ones have its distribution. Every draw comes
//! from the stream of (seed, corruption, severity, image id), so an image's result depends on neither batch nor shard.
//! As in the source, values become bytes by truncation. The published Tiny-ImageNet-C holds each picture after one more
//! JPEG compression of quality 85, which is how it was stored, not a corruption: it is left out here.

mod canny;
mod colour;
mod elastic;
mod filter;
mod fog;
pub mod frost;
mod jpeg;
mod lens;
mod name;
mod noise;
mod pixelate;
mod scene;
mod snow;
mod spatter;
mod zoom;

use std::sync::Mutex;

use tch::Kind;

pub use frost::FrostSource;
pub use name::{Corruption, ALL_19, RIFT_18, STANDARD_15};

use crate::checkpoint::bytes::tensor_of;
use crate::control::{Control, Progress};
use crate::data::dataset::Dataset;
use crate::error::{EngineError, Result};
use crate::rng;
use scene::Scene;

/// Images corrupted between two looks at the cancel flag.
const BLOCK: usize = 256;
/// Images that a thread takes at a time: small enough for an even load, large enough to be worth the lock.
const GRAIN: usize = 8;

/// Turns one image (3×S×S planes in the scene) into its corrupted copy.
type Painter = Box<dyn Fn(&mut Scene, &mut [u8]) + Sync>;

/// Corrupts `images`: N×3×S×S bytes, one id for each image. `severity` is 1 to 5, `side` (S) 32 or 64; each size has
/// its own constants. The result has the layout of the input. Frost takes its pictures from [`frost::current`].
///
/// # Errors
/// `InvalidArgument` for another severity or side, or when the byte count is not `ids.len()`×3×S×S; what
/// [`frost::current`] returns when the frost pictures cannot be read.
pub fn apply(
    corruption: Corruption, severity: u32, images: &[u8], side: usize, ids: &[u64], seed: u64,
) -> Result<Vec<u8>> {
    if !(1..=5).contains(&severity) {
        return Err(EngineError::invalid("severity", severity, "must be between 1 and 5"));
    }
    if side != 32 && side != 64 {
        return Err(EngineError::invalid(
            "imageSize",
            side,
            format!("{} has constants for images of 32×32 and 64×64 pixels only", corruption.name()),
        ));
    }
    let each = 3 * side * side;
    if images.len() != each * ids.len() {
        return Err(EngineError::invalid(
            "images",
            format!("{} bytes", images.len()),
            format!("must be {} images of 3×{side}×{side} bytes, one for each id", ids.len()),
        ));
    }
    let painter = painter(corruption)?;
    let purpose = format!("corrupt {} {severity}", corruption.name());
    let mut out = vec![0; images.len()];
    parallel(&mut out, each, |index, target| {
        let pixels = &images[index * each..(index + 1) * each];
        let mut scene =
            Scene { pixels, side, level: severity as usize - 1, rng: rng::stream(seed, &purpose, &[ids[index]]) };
        painter(&mut scene, target);
    });
    Ok(out)
}

/// Corrupts every image of `data`; image i has the id `first_id + i`, so a part of a split gives what the whole would.
/// Labels and classes stay; the split is named `<split>-<corruption>-<severity>`.
///
/// # Errors
/// Those of [`apply`]; `InvalidArgument` for images that are not square; `Cancelled`.
pub fn corrupt_dataset(
    data: &Dataset, corruption: Corruption, severity: u32, seed: u64, first_id: u64, control: &Control,
) -> Result<Dataset> {
    let (height, width) = data.image_size();
    if height != width {
        return Err(EngineError::invalid("imageSize", format!("{height}×{width}"), "must be square to be corrupted"));
    }
    let (side, count) = (width as usize, data.len() as usize);
    let each = 3 * side * side;
    let images = Vec::<u8>::try_from(&data.images.f_contiguous()?.f_view([-1])?)?;
    let mut corrupted = Vec::with_capacity(images.len());
    for (block, pixels) in images.chunks(BLOCK * each).enumerate() {
        control.check()?;
        let first = first_id + (block * BLOCK) as u64;
        let ids: Vec<u64> = (first..first + (pixels.len() / each) as u64).collect();
        corrupted.extend(apply(corruption, severity, pixels, side, &ids, seed)?);
        control.report(Progress {
            phase: format!("{} severity {severity}", corruption.name()),
            done: (corrupted.len() / each) as u64,
            total: count as u64,
            unit: "images".into(),
            ..Progress::default()
        });
    }
    let shape = [count as i64, 3, height, width];
    Ok(Dataset {
        images: tensor_of(&corrupted, &shape, Kind::Uint8)?,
        labels: data.labels.f_detach()?,
        classes: data.classes.clone(),
        name: data.name.clone(),
        split: format!("{}-{}-{severity}", data.split, corruption.name()),
    })
}

/// What was done to a split, for its record: corruption and severity, and whether frost is a stand-in.
///
/// # Errors
/// Those of [`frost::current`], for frost.
pub fn describe(corruption: Corruption, severity: u32) -> Result<String> {
    let remark =
        if stand_in(corruption)?.is_some() { ", generated pictures in place of the published ones" } else { "" };
    Ok(format!("{corruption} severity {severity}{remark}"))
}

/// What a reader must know of a corruption that is not quite the published one: frost without its pictures.
///
/// # Errors
/// Those of [`frost::current`], for frost.
pub fn stand_in(corruption: Corruption) -> Result<Option<String>> {
    let generated = corruption == Corruption::Frost && frost::current()?.source() == FrostSource::Procedural;
    let note =
        "frost was laid over with generated pictures, as the published ones were not found; accuracies under frost \
                are not comparable with published ones. `npm run setup` fetches the pictures";
    Ok(generated.then(|| note.to_string()))
}

fn painter(corruption: Corruption) -> Result<Painter> {
    Ok(match corruption {
        Corruption::GaussianNoise => Box::new(noise::gaussian_noise),
        Corruption::ShotNoise => Box::new(noise::shot_noise),
        Corruption::ImpulseNoise => Box::new(noise::impulse_noise),
        Corruption::SpeckleNoise => Box::new(noise::speckle_noise),
        Corruption::DefocusBlur => Box::new(lens::defocus_blur),
        Corruption::GlassBlur => Box::new(lens::glass_blur),
        Corruption::MotionBlur => Box::new(lens::motion_blur),
        Corruption::GaussianBlur => Box::new(lens::gaussian_blur),
        Corruption::ZoomBlur => Box::new(zoom::zoom_blur),
        Corruption::Snow => Box::new(snow::snow),
        Corruption::Frost => {
            let pictures = frost::current()?;
            Box::new(move |scene, out| pictures.cover(scene, out))
        }
        Corruption::Fog => Box::new(fog::fog),
        Corruption::Brightness => Box::new(colour::brightness),
        Corruption::Contrast => Box::new(colour::contrast),
        Corruption::Saturate => Box::new(colour::saturate),
        Corruption::ElasticTransform => Box::new(elastic::elastic_transform),
        Corruption::Pixelate => Box::new(pixelate::pixelate),
        Corruption::JpegCompression => Box::new(jpeg::jpeg_compression),
        Corruption::Spatter => Box::new(spatter::spatter),
    })
}

/// Runs `work(index, target)` for each piece of `each` bytes of `out`, over as many threads as libtorch may use.
fn parallel(out: &mut [u8], each: usize, work: impl Fn(usize, &mut [u8]) + Sync) {
    let threads = usize::try_from(tch::get_num_threads()).unwrap_or(1).clamp(1, out.len() / each / GRAIN + 1);
    if threads == 1 {
        out.chunks_mut(each).enumerate().for_each(|(index, target)| work(index, target));
        return;
    }
    let pieces = Mutex::new(out.chunks_mut(each * GRAIN).enumerate());
    let run = || {
        // A poisoned lock means that another thread panicked; the scope passes that panic on.
        while let Some((piece, targets)) = pieces.lock().ok().and_then(|mut left| left.next()) {
            for (offset, target) in targets.chunks_mut(each).enumerate() {
                work(piece * GRAIN + offset, target);
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(run);
        }
    });
}
