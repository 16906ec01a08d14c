//! Centre zooms.

use super::scene::{byte32, unit, Scene};

/// A zoom into the middle of an image: `ceil(side / factor)` pixels, enlarged to `round(crop · factor)` with the corner
/// pixels kept in place, cut back to `side`.
pub(super) struct Zoom {
    /// For each row or column of the result: the first of the two source rows or columns and the second one's weight.
    taps: Vec<(usize, f64)>,
}

impl Zoom {
    /// The zoom by `factor` ≥ 1 of an image of `side` pixels.
    pub fn new(side: usize, factor: f64) -> Self {
        let crop = (side as f64 / factor).ceil();
        let enlarged = (crop * factor).round_ties_even();
        let first = (side - crop as usize) / 2;
        let trim = (enlarged as usize - side) / 2;
        let step = (crop - 1.0) / (enlarged - 1.0);
        let last = crop as usize - 2;
        let tap = |at: usize| {
            let position = (at + trim) as f64 * step;
            let below = (position as usize).min(last);
            (first + below, position - below as f64)
        };
        Self { taps: (0..side).map(tap).collect() }
    }

    /// Calls `give(index, value)` for each pixel of the zoomed side×side plane.
    pub fn of<T: Copy + Into<f64>>(&self, plane: &[T], mut give: impl FnMut(usize, f64)) {
        let side = self.taps.len();
        for (y, &(top, down)) in self.taps.iter().enumerate() {
            let (above, below) = (&plane[top * side..][..side], &plane[(top + 1) * side..][..side]);
            for (x, &(left, right)) in self.taps.iter().enumerate() {
                let value = above[left].into() * (1.0 - down) * (1.0 - right)
                    + above[left + 1].into() * (1.0 - down) * right
                    + below[left].into() * down * (1.0 - right)
                    + below[left + 1].into() * down * right;
                give(y * side + x, value);
            }
        }
    }
}

/// Mean of the image and of its zooms by 1, 1.01, 1.02 …, computed in single precision as the source does.
pub(super) fn zoom_blur(scene: &mut Scene, out: &mut [u8]) {
    // Floating-point steps make the source's ranges, which exclude their end, hold 1.06 and 1.11 but not 1.16, 1.21 and
    // 1.26.
    let count = [7, 12, 16, 21, 26][scene.level];
    let zooms: Vec<Zoom> = (0..count).map(|at| Zoom::new(scene.side, 1.0 + f64::from(at) * (1.01 - 1.0))).collect();
    let area = scene.area();
    for (source, target) in scene.pixels.chunks_exact(area).zip(out.chunks_exact_mut(area)) {
        let plane: Vec<f32> = source.iter().map(|&byte| unit(byte) as f32).collect();
        let mut sum = vec![0.0f32; area];
        for zoom in &zooms {
            zoom.of(&plane, |at, value| sum[at] += value as f32);
        }
        for ((out, value), sum) in target.iter_mut().zip(&plane).zip(&sum) {
            *out = byte32((value + sum) / (count + 1) as f32);
        }
    }
}
