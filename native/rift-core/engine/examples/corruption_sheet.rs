//! Draws a sheet of one picture under every corruption: `corruption_sheet CIFAR_FOLDER INDEX OUT.png [SCALE]`. Rows are the
//! corruptions in the published order, in two halves side by side; columns are the clean picture and severities 1 to 5.

use std::path::Path;

use image::{Rgb, RgbImage};
use rift_engine::corrupt::{apply, ALL_19};
use rift_engine::data::{load, Format};
use rift_engine::error::{EngineError, Result};

const SIDE: usize = 32;
const COLUMNS: u32 = 6;
const ROWS: u32 = 10;
/// Pixels between pictures, and between the two halves.
const GAP: u32 = 2;
const BREAK: u32 = 12;

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, index, out, scale @ ..] = arguments.as_slice() else {
        return Err(EngineError::invalid("arguments", arguments.len(), "must be CIFAR_FOLDER INDEX OUT.png [SCALE]"));
    };
    let number = |field: &str, text: &str| {
        text.parse::<u32>().map_err(|_| EngineError::invalid(field, text, "must be a whole number"))
    };
    let index = number("index", index)?;
    let scale = scale.first().map_or(Ok(1), |text| number("scale", text))?;
    let data = load(Path::new(folder), Format::Cifar10, "test")?.subset(&[i64::from(index)])?;
    let clean = Vec::<u8>::try_from(&data.images.f_view([-1])?)?;
    let cell = SIDE as u32 * scale + GAP;
    let half = COLUMNS * cell - GAP;
    let mut sheet = RgbImage::from_pixel(2 * half + BREAK, ROWS * cell - GAP, Rgb([255; 3]));
    for (row, corruption) in ALL_19.into_iter().enumerate() {
        let (left, top) = ((row as u32 / ROWS) * (half + BREAK), (row as u32 % ROWS) * cell);
        draw(&mut sheet, &clean, left, top, scale);
        for severity in 1..=5 {
            let corrupted = apply(corruption, severity, &clean, SIDE, &[u64::from(index)], 1)?;
            draw(&mut sheet, &corrupted, left + severity * cell, top, scale);
        }
    }
    sheet.save(out).map_err(|error| EngineError::file(out, format!("cannot be written: {error}")))
}

/// Draws three planes at (left, top), each pixel as scale×scale.
fn draw(sheet: &mut RgbImage, planes: &[u8], left: u32, top: u32, scale: u32) {
    for y in 0..SIDE as u32 * scale {
        for x in 0..SIDE as u32 * scale {
            let at = (y / scale) as usize * SIDE + (x / scale) as usize;
            let area = SIDE * SIDE;
            sheet.put_pixel(left + x, top + y, Rgb([planes[at], planes[area + at], planes[2 * area + at]]));
        }
    }
}
