//! Elastic transform: a random affine map, then smooth random displacements.

use rand::Rng;

use super::filter::{gaussian, Border};
use super::scene::{byte32, reflect, reflect_101, unit, Scene};

/// An affine map of (x, y): two rows of (a, b, c), each giving a·x + b·y + c.
type Affine = [[f64; 3]; 2];

/// Displacement amplitude, its smoothing σ and the shift of the affine map's corners scale with the side.
pub(super) fn elastic_transform(scene: &mut Scene, out: &mut [u8]) {
    let (amplitude, sigma, shift) = scene.choose(
        [(0.0, 0.0, 0.08), (0.05, 0.2, 0.07), (0.08, 0.06, 0.06), (0.1, 0.04, 0.05), (0.1, 0.03, 0.03)],
        [(0.0, 0.0, 0.08), (0.05, 0.3, 0.06), (0.1, 0.08, 0.06), (0.1, 0.03, 0.03), (0.16, 0.03, 0.02)],
    );
    let (side, area, length) = (scene.side, scene.area(), scene.side as f64);
    let source = source_map(scene, shift * length);
    let across = displacements(scene, amplitude * length, sigma * length);
    let down = displacements(scene, amplitude * length, sigma * length);
    for (bytes, target) in scene.pixels.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
        let plane: Vec<f32> = bytes.iter().map(|&byte| unit(byte) as f32).collect();
        let warped: Vec<f32> = (0..area)
            .map(|at| ((at % side) as f64, (at / side) as f64))
            .map(|(x, y)| source.map(|[a, b, c]| a * x + b * y + c))
            .map(|[x, y]| bilinear(&plane, side, x, y, reflect_101))
            .collect();
        for (at, out) in target.iter_mut().enumerate() {
            let (x, y) = ((at % side) as f64 + across[at], (at / side) as f64 + down[at]);
            *out = byte32(bilinear(&warped, side, x, y, reflect));
        }
    }
}

/// The map from a pixel of the warped image to its place in the image: the inverse of the map that moves three corners
/// of a square about the middle by up to `shift` pixels each way.
fn source_map(scene: &mut Scene, shift: f64) -> Affine {
    let (centre, reach) = ((scene.side / 2) as f64, (scene.side / 3) as f64);
    let corners = [(reach, reach), (reach, -reach), (-reach, -reach)].map(|(x, y)| (centre + x, centre + y));
    let moved =
        corners.map(|(x, y)| (x + scene.rng.random_range(-shift..=shift), y + scene.rng.random_range(-shift..=shift)));
    through(moved, corners)
}

/// The affine map that takes each point of `from` to its fellow in `to`.
fn through(from: [(f64, f64); 3], to: [(f64, f64); 3]) -> Affine {
    let [(x0, y0), (x1, y1), (x2, y2)] = from;
    let area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
    let row = |v0: f64, v1: f64, v2: f64| {
        let a = ((v1 - v0) * (y2 - y0) - (v2 - v0) * (y1 - y0)) / area;
        let b = ((v2 - v0) * (x1 - x0) - (v1 - v0) * (x2 - x0)) / area;
        [a, b, v0 - a * x0 - b * y0]
    };
    [row(to[0].0, to[1].0, to[2].0), row(to[0].1, to[1].1, to[2].1)]
}

/// Uniform noise in ±`amplitude`, smoothed.
fn displacements(scene: &mut Scene, amplitude: f64, sigma: f64) -> Vec<f64> {
    let mut field: Vec<f64> = (0..scene.area()).map(|_| scene.rng.random_range(-1.0..1.0)).collect();
    gaussian(&mut field, scene.side, sigma, 3.0, Border::Reflect);
    field.into_iter().map(|value| value * amplitude).collect()
}

/// The value at (x, y) between the four pixels around it, `border` giving the index of what lies outside.
fn bilinear(plane: &[f32], side: usize, x: f64, y: f64, border: fn(i64, usize) -> usize) -> f32 {
    let (left, top) = (x.floor(), y.floor());
    let (right, down) = ((x - left) as f32, (y - top) as f32);
    let columns = [border(left as i64, side), border(left as i64 + 1, side)];
    let [above, below] = [0, 1].map(|offset| &plane[border(top as i64 + offset, side) * side..][..side]);
    (above[columns[0]] * (1.0 - right) + above[columns[1]] * right) * (1.0 - down)
        + (below[columns[0]] * (1.0 - right) + below[columns[1]] * right) * down
}
