//! Spatter: drops of water or mud on the lens.

use rand_distr::{Distribution, StandardNormal};

use super::canny::{canny, distances, equalised};
use super::filter::{correlate, gaussian, Border};
use super::scene::{byte32, unit, Scene};

/// What Gaussian blurs are cut off at, in σ.
const TRUNCATE: f64 = 4.0;
const WATER: [f32; 3] = [175.0 / 255.0, 238.0 / 255.0, 238.0 / 255.0];
const MUD: [f32; 3] = [63.0 / 255.0, 42.0 / 255.0, 20.0 / 255.0];

/// (mean, deviation, blur σ, threshold) of the field of drops, the factor of the water or the blur σ of the mud, and
/// whether it is mud.
type Drops = (f64, f64, f64, f64, f64, bool);

/// Drops: where a blurred field of normal noise passes a threshold.
pub(super) fn spatter(scene: &mut Scene, out: &mut [u8]) {
    let drops: Drops = scene.choose(
        [
            (0.62, 0.1, 0.7, 0.7, 0.5, false),
            (0.65, 0.1, 0.8, 0.7, 0.5, false),
            (0.65, 0.3, 1.0, 0.69, 0.5, false),
            (0.65, 0.1, 0.7, 0.69, 0.6, true),
            (0.65, 0.1, 0.5, 0.68, 0.6, true),
        ],
        [
            (0.62, 0.1, 0.7, 0.7, 0.6, false),
            (0.65, 0.1, 0.8, 0.7, 0.6, false),
            (0.65, 0.3, 1.0, 0.69, 0.6, false),
            (0.65, 0.1, 0.7, 0.68, 0.6, true),
            (0.65, 0.1, 0.5, 0.67, 0.6, true),
        ],
    );
    let (mean, deviation, sigma, threshold, factor, mud) = drops;
    let mut draw = || -> f64 { StandardNormal.sample(&mut scene.rng) };
    let mut field: Vec<f64> = (0..scene.side * scene.side).map(|_| mean + deviation * draw()).collect();
    gaussian(&mut field, scene.side, sigma, TRUNCATE, Border::Nearest);
    let cover = if mud {
        mud_cover(&field, scene.side, threshold, factor)
    } else {
        water_cover(&field, scene.side, threshold, factor)
    };
    let area = scene.area();
    for channel in 0..3 {
        for (at, &cover) in cover.iter().enumerate() {
            let value = unit(scene.pixels[channel * area + at]) as f32;
            let covered =
                if mud { value * (1.0 - cover) + MUD[channel] * cover } else { value + WATER[channel] * cover };
            out[channel * area + at] = byte32(covered);
        }
    }
}

/// How much mud covers each pixel: the drops blurred, and only where they stay thick.
fn mud_cover(field: &[f64], side: usize, threshold: f64, sigma: f64) -> Vec<f32> {
    let mut cover: Vec<f64> = field.iter().map(|&value| f64::from(u8::from(value > threshold))).collect();
    gaussian(&mut cover, side, sigma, TRUNCATE, Border::Nearest);
    cover.into_iter().map(|cover| if cover < 0.8 { 0.0 } else { cover as f32 }).collect()
}

/// How much light the water adds to each pixel: a relief made from the distance to the drops' edges. A field without a
/// drop adds nothing (the source divides 0 by 0 there).
fn water_cover(field: &[f64], side: usize, threshold: f64, factor: f64) -> Vec<f32> {
    const RELIEF: [f64; 9] = [-2.0, -1.0, 0.0, -1.0, 1.0, 1.0, 0.0, 1.0, 2.0];
    // The source's cast to bytes wraps round where the field passes 1.
    let drops: Vec<u8> =
        field.iter().map(|&value| if value < threshold { 0 } else { (value * 255.0) as u32 as u8 }).collect();
    let near: Vec<f32> =
        distances(&canny(&drops, side, 50, 150), side).into_iter().map(|distance| distance.min(20.0)).collect();
    let near: Vec<u8> = box_means(&near, side).into_iter().map(|value| value as f32 as u8).collect();
    let relief: Vec<u8> = correlate(&equalised(&near), side, &RELIEF).into_iter().map(|value| value as u8).collect();
    let smooth = box_means(&relief, side);
    let light: Vec<f64> =
        drops.iter().zip(smooth).map(|(&drop, relief)| f64::from(drop) * (relief + 0.5).floor()).collect();
    let highest = light.iter().copied().fold(0.0, f64::max);
    let scale = if highest > 0.0 { factor / highest } else { 0.0 };
    light.into_iter().map(|light| (light * scale) as f32).collect()
}

/// Means of 3×3 pixels. The sum is scaled as a whole: between drops it must come out as the level that it is of, since
/// what follows truncates it.
fn box_means<T: Copy + Into<f64>>(plane: &[T], side: usize) -> Vec<f64> {
    correlate(plane, side, &[1.0; 9]).into_iter().map(|sum| sum * (1.0 / 9.0)).collect()
}
