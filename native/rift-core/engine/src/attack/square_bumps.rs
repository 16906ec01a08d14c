//! The patterns of Square Attack in the L2 and L1 balls: bumps of nested rectangles, two halves of opposite sign.

use rand::Rng;
use rand_chacha::ChaCha8Rng;

use crate::spec::Norm;

/// A bump of `side` × `side` pixels of norm 1, row-major: the upper half positive, the lower negative, turned on its
/// side in half of the draws.
pub fn bump(norm: Norm, side: i64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let side = side as usize;
    let upper = side / 2;
    let mut values = half(norm, upper, side);
    values.extend(half(norm, side - upper, side).into_iter().map(|value| -value));
    scale(norm, &mut values);
    if rng.random::<bool>() {
        let upright = values.clone();
        for (at, value) in values.iter_mut().enumerate() {
            *value = upright[at % side * side + at / side];
        }
    }
    values
}

/// Nested rectangles of `height` × `width` round the centre, ring j weighing 1 ÷ (j+1)² (L2) or 1 ÷ (j+1)⁴ (L1), norm
/// 1.
fn half(norm: Norm, height: usize, width: usize) -> Vec<f32> {
    let (middle, centre) = ((height / 2) as i64, (width / 2) as i64);
    let power = if norm == Norm::L2 { 2 } else { 4 };
    let mut values = vec![0.0; height * width];
    for ring in 0..=middle.max(centre) {
        let weight = 1.0 / (ring + 1).pow(power) as f32;
        for row in (middle - ring).max(0)..(middle + ring + 1).min(height as i64) {
            for column in (centre - ring).max(0)..(centre + ring + 1).min(width as i64) {
                values[row as usize * width + column as usize] += weight;
            }
        }
    }
    scale(norm, &mut values);
    values
}

fn scale(norm: Norm, values: &mut [f32]) {
    let size: f64 = match norm {
        Norm::L2 => values.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt(),
        _ => values.iter().map(|value| f64::from(value.abs())).sum(),
    };
    if size > 0.0 {
        for value in values.iter_mut() {
            *value = (f64::from(*value) / size) as f32;
        }
    }
}

/// Bumps over the whole image in a 5 × 5 grid, one sign per bump and channel, [channels, height, width] row-major.
pub fn grid(norm: Norm, channels: i64, height: i64, width: i64, rng: &mut ChaCha8Rng) -> Vec<f32> {
    let side = (height / 5).max(1);
    let margin = (height - side * 5).max(0) / 2;
    let mut values = vec![0.0; (channels * height * width) as usize];
    for top in (0..height / side).map(|row| margin + row * side) {
        for left in (0..width / side).map(|column| margin + column * side) {
            let shape = bump(norm, side, rng);
            for channel in 0..channels {
                let sign = if rng.random::<bool>() { 1.0 } else { -1.0 };
                for (at, value) in (0..).zip(&shape) {
                    let (row, column) = (top + at / side, left + at % side);
                    if row < height && column < width {
                        values[((channel * height + row) * width + column) as usize] += sign * value;
                    }
                }
            }
        }
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rng;

    #[test]
    fn a_bump_has_norm_one_and_two_halves_of_opposite_sign() {
        for (norm, side) in [(Norm::L2, 7), (Norm::L1, 7), (Norm::L2, 3)] {
            let values = bump(norm, side, &mut rng::stream(1, "test", &[]));
            let size: f32 = match norm {
                Norm::L2 => values.iter().map(|value| value * value).sum::<f32>().sqrt(),
                _ => values.iter().map(|value| value.abs()).sum(),
            };
            assert!((size - 1.0).abs() < 1e-5, "{norm:?}");
            assert!(values.iter().any(|value| *value > 0.0) && values.iter().any(|value| *value < 0.0));
        }
    }

    #[test]
    fn half_of_the_bumps_lie_on_their_side() {
        let flat = (0..400)
            .filter(|draw| {
                let values = bump(Norm::L2, 5, &mut rng::stream(1, "test", &[*draw]));
                values[0] > 0.0 && values[4] > 0.0
            })
            .count();
        assert!((150..250).contains(&flat), "{flat}");
    }
}
