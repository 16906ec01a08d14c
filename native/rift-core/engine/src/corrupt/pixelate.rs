//! Pixelate: shrunk and enlarged again by boxes.

use super::scene::Scene;

/// Fraction bits of the weights.
const PRECISION: u32 = 22;

/// Shrinks to int(side·c) pixels and back, as Pillow's `BOX` filter does on bytes.
pub(super) fn pixelate(scene: &mut Scene, out: &mut [u8]) {
    let small = scene.choose([30, 28, 27, 24, 20], [57, 51, 44, 38, 32]);
    let (side, area) = (scene.side, scene.area());
    let (shrink, enlarge) = (box_taps(side, small), box_taps(small, side));
    for (source, target) in scene.pixels.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
        let shrunk = resize(source, side, &shrink);
        target.copy_from_slice(&resize(&shrunk, small, &enlarge));
    }
}

/// One output row or column: the first input one, and the weights of it and those after it.
struct Taps {
    first: usize,
    weights: Vec<u32>,
}

/// Box filter from `from` to `to` samples: mean of the samples whose centre lies in the output's box; when enlarging,
/// the one sample under the output's centre.
fn box_taps(from: usize, to: usize) -> Vec<Taps> {
    let scale = from as f64 / to as f64;
    let width = scale.max(1.0);
    let taps = |at: usize| {
        let centre = (at as f64 + 0.5) * scale;
        let first = (centre - width * 0.5 + 0.5).max(0.0) as usize;
        let end = ((centre + width * 0.5 + 0.5) as usize).min(from);
        let inside = |sample: usize| {
            let distance = ((sample as f64) - centre + 0.5) * (1.0 / width);
            distance > -0.5 && distance <= 0.5
        };
        let chosen: Vec<bool> = (first..end).map(inside).collect();
        let count = chosen.iter().filter(|inside| **inside).count() as f64;
        let weight = (1.0 / count * f64::from(1 << PRECISION) + 0.5) as u32;
        Taps { first, weights: chosen.into_iter().map(|inside| u32::from(inside) * weight).collect() }
    };
    (0..to).map(taps).collect()
}

/// Resizes a plane of `side`×`side` bytes along its rows, rounds to bytes, then along its columns.
fn resize(plane: &[u8], side: usize, taps: &[Taps]) -> Vec<u8> {
    let size = taps.len();
    let mut narrow = Vec::with_capacity(side * size);
    for row in plane.chunks_exact(side) {
        narrow.extend(taps.iter().map(|taps| weigh(taps, |sample| row[sample])));
    }
    let mut out = Vec::with_capacity(size * size);
    for taps in taps {
        out.extend((0..size).map(|column| weigh(taps, |sample| narrow[sample * size + column])));
    }
    out
}

fn weigh(taps: &Taps, sample: impl Fn(usize) -> u8) -> u8 {
    let sum: u32 = (taps.first..).zip(&taps.weights).map(|(at, weight)| weight * u32::from(sample(at))).sum();
    ((sum + (1 << (PRECISION - 1))) >> PRECISION).min(255) as u8
}
