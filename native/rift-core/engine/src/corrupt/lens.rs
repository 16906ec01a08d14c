//! Blurs of a lens or a moving camera.

use rand::Rng;

use super::filter::{correlate, gaussian, motion, Border};
use super::scene::{byte, unit, Scene};

/// Where Gaussian blurs stop, in σ.
const TRUNCATE: f64 = 4.0;

/// Gaussian blur of each channel.
pub(super) fn gaussian_blur(scene: &mut Scene, out: &mut [u8]) {
    let sigma = scene.choose([0.4, 0.6, 0.7, 0.8, 1.0], [0.5, 0.75, 1.0, 1.25, 1.5]);
    for (channel, target) in out.chunks_exact_mut(scene.area()).enumerate() {
        let mut plane = scene.plane(channel);
        gaussian(&mut plane, scene.side, sigma, TRUNCATE, Border::Nearest);
        write(&plane, target);
    }
}

/// Correlation with a disk of `radius` whose edge is smoothed by a 3×3 Gaussian of `alias`.
pub(super) fn defocus_blur(scene: &mut Scene, out: &mut [u8]) {
    let (radius, alias) = scene.choose(
        [(0.3, 0.4), (0.4, 0.5), (0.5, 0.6), (1.0, 0.2), (1.5, 0.1)],
        [(0.5, 0.6), (1.0, 0.1), (1.5, 0.1), (2.5, 0.01), (3.0, 0.1)],
    );
    let kernel = disk(radius, alias);
    for (channel, target) in out.chunks_exact_mut(scene.area()).enumerate() {
        write(&correlate(&scene.plane(channel), scene.side, &kernel), target);
    }
}

/// The disk's kernel, 9×9: the source's 17×17 grid, of which radii up to 3 and the smoothing reach no further.
fn disk(radius: f64, alias: f64) -> Vec<f64> {
    const HALF: i64 = 4;
    const SIZE: usize = 9;
    let mut disk: Vec<f64> = (0..SIZE * SIZE)
        .map(|at| ((at / SIZE) as i64 - HALF, (at % SIZE) as i64 - HALF))
        .map(|(y, x)| f64::from(u8::from((x * x + y * y) as f64 <= radius * radius)))
        .collect();
    let count: f64 = disk.iter().sum();
    for weight in &mut disk {
        *weight /= count;
    }
    // The source computes its kernel in single precision.
    let single = |value: f64| f64::from(value as f32);
    let edge = (-0.5 / (alias * alias)).exp();
    let line = [edge, 1.0, edge].map(|weight| single(weight / (1.0 + 2.0 * edge)));
    let smoothing: Vec<f64> = line.iter().flat_map(|a| line.iter().map(move |b| single(a * b))).collect();
    correlate(&disk, SIZE, &smoothing).into_iter().map(single).collect()
}

/// Motion blur along one random direction for the three channels.
pub(super) fn motion_blur(scene: &mut Scene, out: &mut [u8]) {
    let (radius, sigma) = scene.choose(
        [(6, 1.0), (6, 1.5), (6, 2.0), (8, 2.0), (9, 2.5)],
        [(10, 1.0), (10, 1.5), (10, 2.0), (10, 2.5), (12, 3.0)],
    );
    let angle = scene.rng.random_range(-45.0..45.0);
    let area = scene.area();
    for (source, target) in scene.pixels.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
        motion(source, scene.side, radius, sigma, angle, target);
    }
}

/// Blur, pixels overwritten by a near one, blur. The source means to swap the two pixels, but what it does, and what
/// the published data show, is overwriting.
pub(super) fn glass_blur(scene: &mut Scene, out: &mut [u8]) {
    let (sigma, shift, iterations) = scene.choose(
        [(0.05, 1, 1), (0.25, 1, 1), (0.4, 1, 1), (0.25, 1, 2), (0.4, 1, 2)],
        [(0.1, 1, 1), (0.5, 1, 1), (0.6, 1, 2), (0.7, 2, 1), (0.9, 2, 2)],
    );
    let (side, area) = (scene.side, scene.area());
    let mut planes: Vec<Vec<f64>> = (0..3).map(|channel| scene.plane(channel)).collect();
    for plane in &mut planes {
        gaussian(plane, side, sigma, TRUNCATE, Border::Nearest);
        for value in plane {
            *value = unit(byte(*value));
        }
    }
    for _ in 0..iterations {
        for y in (shift + 1..=side - shift).rev() {
            for x in (shift + 1..=side - shift).rev() {
                // The offsets are −shift to shift − 1.
                let from_x = x + scene.rng.random_range(0..2 * shift) - shift;
                let from_y = y + scene.rng.random_range(0..2 * shift) - shift;
                for plane in &mut planes {
                    plane[y * side + x] = plane[from_y * side + from_x];
                }
            }
        }
    }
    for (plane, target) in planes.iter_mut().zip(out.chunks_exact_mut(area)) {
        gaussian(plane, side, sigma, TRUNCATE, Border::Nearest);
        write(plane, target);
    }
}

fn write(plane: &[f64], target: &mut [u8]) {
    for (out, value) in target.iter_mut().zip(plane) {
        *out = byte(*value);
    }
}
