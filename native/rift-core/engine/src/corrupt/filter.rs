//! Filters that several corruptions share: separable Gaussian blur, motion blur, small correlations.

use super::scene::{reflect, reflect_101};

/// How a blur sees past the border.
#[derive(Clone, Copy)]
pub(super) enum Border {
    /// The border pixel goes on.
    Nearest,
    /// The image is mirrored, border pixels twice.
    Reflect,
}

impl Border {
    fn index(self, at: i64, count: usize) -> usize {
        match self {
            Self::Nearest => at.clamp(0, count as i64 - 1) as usize,
            Self::Reflect => reflect(at, count),
        }
    }
}

/// Blurs a side×side plane by a Gaussian of `sigma` pixels that is cut off at `truncate`·σ. The order of the sums is
/// `scipy.ndimage`'s, since after truncation to bytes a flat region shows the last bit.
pub(super) fn gaussian(plane: &mut [f64], side: usize, sigma: f64, truncate: f64, border: Border) {
    let radius = (truncate * sigma + 0.5) as usize;
    if radius == 0 {
        return;
    }
    let weights = gaussian_weights(sigma, radius);
    let source = plane.to_vec();
    let row = |y: i64| {
        let start = border.index(y, side) * side;
        &source[start..start + side]
    };
    for (y, target) in plane.chunks_exact_mut(side).enumerate() {
        let y = y as i64;
        for (out, centre) in target.iter_mut().zip(row(y)) {
            *out = centre * weights[0];
        }
        for distance in (1..=radius).rev() {
            let (above, below) = (row(y - distance as i64), row(y + distance as i64));
            for ((out, a), b) in target.iter_mut().zip(above).zip(below) {
                *out += (a + b) * weights[distance];
            }
        }
    }
    let mut line = vec![0.0; side + 2 * radius];
    for target in plane.chunks_exact_mut(side) {
        for (at, value) in line.iter_mut().enumerate() {
            *value = target[border.index(at as i64 - radius as i64, side)];
        }
        for (out, centre) in target.iter_mut().zip(&line[radius..]) {
            *out = centre * weights[0];
        }
        for distance in (1..=radius).rev() {
            let (left, right) = (&line[radius - distance..], &line[radius + distance..]);
            for ((out, a), b) in target.iter_mut().zip(left).zip(right) {
                *out += (a + b) * weights[distance];
            }
        }
    }
}

/// The weights at distances 0 to `radius`, normalised so that the whole kernel sums to 1.
fn gaussian_weights(sigma: f64, radius: usize) -> Vec<f64> {
    let weights: Vec<f64> = (0..=radius).map(|at| (-0.5 / (sigma * sigma) * (at * at) as f64).exp()).collect();
    let sum = weights[0] + 2.0 * weights[1..].iter().sum::<f64>();
    weights.into_iter().map(|weight| weight / sum).collect()
}

/// Motion blur of a side×side plane of bytes as `ImageMagick` makes it: a one-sided half Gaussian of 2·`radius` + 1
/// taps along the direction `angle` (degrees), border pixels going on. `ImageMagick` rounds each result to 16 bits and
/// keeps what is whole in 8 bits.
pub(super) fn motion(plane: &[u8], side: usize, radius: usize, sigma: f64, angle: f64, out: &mut [u8]) {
    let (sin, cos) = angle.to_radians().sin_cos();
    let weights: Vec<f64> = (0..=2 * radius).map(|tap| (-((tap * tap) as f64) / (2.0 * sigma * sigma)).exp()).collect();
    let sum: f64 = weights.iter().sum();
    let mut total = vec![0.0; side * side];
    for (tap, weight) in weights.iter().enumerate() {
        let dx = (tap as f64 * cos - 0.5).ceil() as i64;
        let dy = (tap as f64 * sin - 0.5).ceil() as i64;
        let columns: Vec<usize> = (0..side).map(|x| Border::Nearest.index(x as i64 + dx, side)).collect();
        for (y, totals) in total.chunks_exact_mut(side).enumerate() {
            let start = Border::Nearest.index(y as i64 + dy, side) * side;
            let source = &plane[start..start + side];
            for (total, &column) in totals.iter_mut().zip(&columns) {
                *total += weight / sum * f64::from(source[column]);
            }
        }
    }
    for (out, total) in out.iter_mut().zip(total) {
        *out = (total + 0.5 / 257.0) as u8;
    }
}

/// Correlation of a side×side plane with a square kernel of odd size, mirrored about the border pixels.
pub(super) fn correlate<T>(plane: &[T], side: usize, kernel: &[f64]) -> Vec<f64>
where
    T: Copy + Into<f64>,
{
    let size = kernel.len().isqrt();
    let half = (size / 2) as i64;
    let mut out = vec![0.0; side * side];
    for (at, &weight) in kernel.iter().enumerate().filter(|(_, weight)| **weight != 0.0) {
        let (dy, dx) = ((at / size) as i64 - half, (at % size) as i64 - half);
        let columns: Vec<usize> = (0..side).map(|x| reflect_101(x as i64 + dx, side)).collect();
        for (y, target) in out.chunks_exact_mut(side).enumerate() {
            let start = reflect_101(y as i64 + dy, side) * side;
            let source = &plane[start..start + side];
            for (out, &column) in target.iter_mut().zip(&columns) {
                *out += weight * source[column].into();
            }
        }
    }
    out
}
