//! Fog: a plasma fractal added to the image.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use super::scene::{byte, unit, Scene};

/// (x + a·plasma)·max / (max + a), where max is the image's largest value.
pub(super) fn fog(scene: &mut Scene, out: &mut [u8]) {
    let (amount, decay) = scene.choose(
        [(0.2, 3.0), (0.5, 3.0), (0.75, 2.5), (1.0, 2.0), (1.5, 1.75)],
        [(0.4, 3.0), (0.7, 3.0), (1.0, 2.5), (1.5, 2.0), (2.0, 1.75)],
    );
    let plasma = plasma(&mut scene.rng, scene.side, decay);
    let highest = unit(scene.pixels.iter().copied().max().unwrap_or_default());
    for ((out, &pixel), fog) in out.iter_mut().zip(scene.pixels).zip(plasma.iter().cycle()) {
        *out = byte((unit(pixel) + amount * fog) * highest / (highest + amount));
    }
}

/// Diamond-square heights on a torus of side×side points (a power of two), scaled to [0,1]. The noise of a point is
/// w·U(−w, w): w is 100 and is divided by `decay` after each octave.
fn plasma(rng: &mut ChaCha8Rng, side: usize, decay: f64) -> Vec<f64> {
    let mut heights = vec![0.0; side * side];
    let (mut step, mut width) = (side, 100.0);
    while step >= 2 {
        let half = step / 2;
        let mut raise = |heights: &mut [f64], y: usize, x: usize, neighbours: [(usize, usize); 4]| {
            let sum: f64 = neighbours.iter().map(|(y, x)| heights[y % side * side + x % side]).sum();
            heights[y * side + x] = sum / 4.0 + width * rng.random_range(-width..width);
        };
        for y in (0..side).step_by(step) {
            for x in (0..side).step_by(step) {
                raise(&mut heights, y + half, x + half, [(y, x), (y, x + step), (y + step, x), (y + step, x + step)]);
            }
        }
        for y in (0..side).step_by(step) {
            for x in (0..side).step_by(step) {
                let (above, left) = (y + side - half, x + side - half);
                raise(&mut heights, y, x + half, [(above, x + half), (y + half, x + half), (y, x), (y, x + step)]);
                raise(&mut heights, y + half, x, [(y + half, left), (y + half, x + half), (y, x), (y + step, x)]);
            }
        }
        step = half;
        width /= decay;
    }
    let low = heights.iter().copied().fold(f64::INFINITY, f64::min);
    let high = heights.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    heights.into_iter().map(|height| (height - low) / (high - low)).collect()
}
