//! Decodes image files (PNG, JPEG, WebP, BMP) of one common size.

use std::path::{Path, PathBuf};

use image::{ImageReader, Limits};
use tch::{Kind, Tensor};

use super::text::file_names;
use crate::checkpoint::bytes::tensor_of;
use crate::control::{Control, Progress};
use crate::error::{EngineError, Result};

/// Extensions of the formats that are read.
pub const EXTENSIONS: [&str; 5] = ["png", "jpg", "jpeg", "webp", "bmp"];
const MAX_SIDE: u32 = 4096;
const MAX_DECODER_BYTES: u64 = 256 << 20;
/// What one split may take in memory.
const MAX_SPLIT_BYTES: u64 = 32 << 30;
const REPORT_EVERY: usize = 500;

/// Image files in `folder`, sorted by name; other files are passed over, as torchvision does. None at all is an error.
pub fn image_files(folder: &Path) -> Result<Vec<PathBuf>> {
    let is_image = |name: &String| {
        let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
        extension.is_some_and(|extension| EXTENSIONS.contains(&extension.as_str()))
    };
    let files: Vec<PathBuf> =
        file_names(folder)?.iter().filter(|name| is_image(name)).map(|name| folder.join(name)).collect();
    if files.is_empty() {
        return Err(EngineError::file(
            folder,
            format!("holds no image; expected files ending in {}", EXTENSIONS.join(", ")),
        ));
    }
    Ok(files)
}

/// Decodes `files` to u8 [N, 3, H, W]. All must have the size of the first one. Transparency is dropped, grey becomes
/// three equal channels.
pub fn decode_all(files: &[PathBuf], control: &Control) -> Result<Tensor> {
    let first = files.first().ok_or_else(|| EngineError::Internal("no image files to decode".into()))?;
    let size = dimensions(first)?;
    let (width, height) = (size.0 as usize, size.1 as usize);
    let total = (width * height * 3) as u64 * files.len() as u64;
    let mut pixels = Vec::new();
    if total > MAX_SPLIT_BYTES || pixels.try_reserve_exact(total as usize).is_err() {
        let detail = format!(
            "{} images of {width}×{height} need {total} bytes; use smaller images or fewer of them",
            files.len()
        );
        return Err(EngineError::ResourceExhausted { what: "memory".into(), detail });
    }
    for (index, file) in files.iter().enumerate() {
        control.check()?;
        let rgb = decode(file, size, first)?;
        for channel in 0..3 {
            pixels.extend(rgb.iter().skip(channel).step_by(3));
        }
        if index % REPORT_EVERY == 0 || index + 1 == files.len() {
            let (done, total) = (index as u64 + 1, files.len() as u64);
            control.report(Progress {
                phase: "decoding images".into(),
                done,
                total,
                unit: "images".into(),
                ..Progress::default()
            });
        }
    }
    tensor_of(&pixels, &[files.len() as i64, 3, height as i64, width as i64], Kind::Uint8)
}

fn open(file: &Path) -> Result<ImageReader<std::io::BufReader<std::fs::File>>> {
    let mut reader = ImageReader::open(file)
        .and_then(ImageReader::with_guessed_format)
        .map_err(|error| EngineError::io(file, error))?;
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_DECODER_BYTES);
    reader.limits(limits);
    Ok(reader)
}

/// Width and height, from the file's header alone.
fn dimensions(file: &Path) -> Result<(u32, u32)> {
    let size = open(file)?.into_dimensions().map_err(|error| undecodable(file, &error))?;
    if size.0 == 0 || size.1 == 0 || size.0 > MAX_SIDE || size.1 > MAX_SIDE {
        return Err(EngineError::file(
            file,
            format!("is {}×{} pixels; sides of 1 to {MAX_SIDE} are read", size.0, size.1),
        ));
    }
    Ok(size)
}

/// Interleaved RGB bytes.
fn decode(file: &Path, size: (u32, u32), first: &Path) -> Result<Vec<u8>> {
    let found = dimensions(file)?;
    if found != size {
        return Err(EngineError::file(
            file,
            format!(
                "is {}×{} pixels, but {} is {}×{}; all images must have one size, resize them first",
                found.0,
                found.1,
                first.display(),
                size.0,
                size.1
            ),
        ));
    }
    let decoded = open(file)?.decode().map_err(|error| undecodable(file, &error))?;
    Ok(decoded.into_rgb8().into_raw())
}

fn undecodable(file: &Path, error: &image::ImageError) -> EngineError {
    EngineError::file(file, format!("cannot be read as an image: {error}; replace or remove it"))
}
