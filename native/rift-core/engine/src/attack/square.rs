//! Square Attack (Andriushchenko et al. 2020): random search on the margin, without gradients. A query changes one
//! square window of an image and is kept when the margin of the right class falls.
//!
//! Difference from the published code: window positions and signs are drawn for every image, not once for the whole
//! batch, so that a result does not depend on the batch an image is in. In distribution each image sees the same.

use rand::Rng;
use rand_chacha::ChaCha8Rng;
use tch::{Device, Kind, Tensor};

use super::look_ahead::{changes, Asked, LookAhead};
use super::loss::margin;
use super::norms;
use super::projection::l1_ball_and_box;
use super::robust::{Attacked, Pair};
use super::rows::{keep_rows, numbers, Rows};
use super::square_bumps as bumps;
use super::stage::Stage;
use super::tries::{Key, Tries};
use crate::control::Control;
use crate::error::Result;
use crate::rng;
use crate::spec::Norm;

const TINY: f64 = 1e-12;
/// Keeps L1 perturbations inside the ball after rounding.
const L1_SAFETY: f64 = 1.0 - 1e-6;

/// Share of the image that query `query` changes: .8, halved after query 10, 50, 200, 500, 1000, 2000, 4000, 6000,
/// 8000.
pub fn share(query: u32) -> f64 {
    let halvings = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000].iter().filter(|&&after| query > after).count();
    0.8 / f64::from(1u32 << halvings)
}

/// Side of the window of query `query` in an image of `height` × `width`: rounded, at least 1 and at most the shorter
/// side in the L∞ ball; odd and at least 3 in the others.
pub fn side(norm: Norm, query: u32, height: i64, width: i64) -> i64 {
    // Ties go to the even number, as in Python.
    let side = (share(query) * (height * width) as f64).sqrt().round_ties_even() as i64;
    if norm == Norm::Linf {
        return side.max(1).min(height.min(width));
    }
    let odd = side.max(3) | 1;
    let longest = height.min(width);
    odd.min(if longest % 2 == 0 { longest - 1 } else { longest })
}

/// Attacks every row; a pass is one restart.
pub fn attempt(pair: &Pair<'_>, tries: &Tries, stage: &Stage, seed: u64, control: &Control) -> Result<Attacked> {
    let model = stage.spec.threat_model;
    let shape = tries.images.size();
    let window =
        Window { norm: model.norm, epsilon: model.epsilon, channels: shape[1], height: shape[2], width: shape[3] };
    let mut rows = Rows::new(pair, tries, stage.spec.to_the_end)?;
    let mut best = window.start(&rows, seed)?;
    rows.count_step();
    let logits = tch::no_grad(|| pair.fast.logits(&best))?;
    let mut value = margin(&logits, rows.labels())?;
    let stay = rows.drop_fallen(&best, &logits)?;
    keep_rows(stay.as_ref(), &mut [&mut best, &mut value])?;
    // Bumps of one batch have one size, and rows that go to the end stay side by side.
    let one_by_one = model.norm != Norm::Linf || stage.spec.to_the_end;
    let mut ahead = LookAhead::new(rows.keys().len(), stage.spec.steps, one_by_one);
    while !rows.is_empty() {
        control.check()?;
        let asked = ahead.ask(rows.keys());
        if asked.is_empty() {
            break;
        }
        let places: Vec<i64> = asked.iter().map(|asked| asked.row as i64).collect();
        let places = Tensor::f_from_slice(&places)?.f_to_device(best.device())?;
        let one_each = asked.len() == rows.keys().len();
        let of_rows = |tensor: &Tensor| if one_each { tensor.f_detach() } else { tensor.f_index_select(0, &places) };
        let points = window.query(&of_rows(rows.clean())?, &of_rows(&best)?, &asked, seed)?;
        let logits = tch::no_grad(|| pair.fast.logits(&points))?;
        let labels = of_rows(rows.labels())?;
        let new = margin(&logits, &labels)?;
        // Where nothing is asked ahead of its turn, a GPU need not be waited for.
        let changed =
            if one_by_one { vec![0; asked.len()] } else { changes(&logits, &labels, &new, &of_rows(&value)?)? };
        let (chosen, counts) = ahead.answer(&asked, &changed);
        rows.count_steps(&counts)?;
        let chosen = Tensor::f_from_slice(&chosen)?.f_to_device(best.device())?;
        let (point, new) = (points.f_index_select(0, &chosen)?, new.f_index_select(0, &chosen)?);
        let lower = new.f_lt_tensor(&value)?;
        best = point.f_where_self(&lower.f_view([-1, 1, 1, 1])?, &best)?;
        value = new.f_where_self(&lower, &value)?;
        if let Some(stay) = rows.drop_fallen(&point, &logits.f_index_select(0, &chosen)?)? {
            keep_rows(Some(&stay), &mut [&mut best, &mut value])?;
            ahead.keep(&numbers(&stay)?);
        }
        let through = ahead.through();
        if !through.is_empty() && through.len() < rows.keys().len() {
            let stay = rows.leave(&best, &through)?;
            keep_rows(Some(&stay), &mut [&mut best, &mut value])?;
            ahead.keep(&numbers(&stay)?);
        }
    }
    rows.finish(&best)
}

struct Window {
    norm: Norm,
    epsilon: f64,
    channels: i64,
    height: i64,
    width: i64,
}

impl Window {
    /// Stripes (L∞) or a grid of bumps (L2, L1) at full radius, inside the box.
    fn start(&self, rows: &Rows<'_>, seed: u64) -> Result<Tensor> {
        let clean = rows.clean();
        let mut values = Vec::new();
        for key in rows.keys() {
            let mut rng = rng::stream(seed, "square start", &[key.id, key.pass]);
            match self.norm {
                Norm::Linf => values.extend((0..self.channels * self.width).map(|_| sign(&mut rng))),
                _ => values.extend(bumps::grid(self.norm, self.channels, self.height, self.width, &mut rng)),
            }
        }
        let rows_of_pixels = if self.norm == Norm::Linf { 1 } else { self.height };
        let pattern = Tensor::f_from_slice(&values)?.f_to_device(clean.device())?;
        let pattern = pattern.f_view([-1, self.channels, rows_of_pixels, self.width])?;
        match self.norm {
            Norm::Linf => Ok(clean.f_add(&pattern.f_mul_scalar(self.epsilon)?)?.f_clamp(0.0, 1.0)?),
            _ => self.inside(clean, &pattern),
        }
    }

    /// The point that each query tries; `clean` and `best` hold the original and the best point of each query's row. In the
    /// L2 and L1 balls all queries have one number.
    fn query(&self, clean: &Tensor, best: &Tensor, asked: &[Asked], seed: u64) -> Result<Tensor> {
        let draws = asked.iter().map(|asked| {
            let Key { id, pass } = asked.key;
            let side = side(self.norm, asked.query, self.height, self.width);
            (side, rng::stream(seed, "square query", &[id, pass, u64::from(asked.query)]))
        });
        if self.norm == Norm::Linf {
            self.flat(clean, best, draws)
        } else {
            self.bump(clean, best, draws)
        }
    }

    /// ±2ε in one square window, one sign per channel, clipped to ball and box.
    fn flat(
        &self, clean: &Tensor, best: &Tensor, draws: impl ExactSizeIterator<Item = (i64, ChaCha8Rng)>,
    ) -> Result<Tensor> {
        let plane = (self.height * self.width) as usize;
        let mut change = vec![0.0_f32; draws.len() * self.channels as usize * plane];
        for ((side, mut rng), image) in draws.zip(change.chunks_exact_mut(self.channels as usize * plane)) {
            let (top, left) = self.corner(side, &mut rng);
            for channel in image.chunks_exact_mut(plane) {
                let value = sign(&mut rng) * (2.0 * self.epsilon) as f32;
                for row in top..top + side {
                    let first = (row * self.width + left) as usize;
                    channel[first..first + side as usize].fill(value);
                }
            }
        }
        let change = Tensor::f_from_slice(&change)?.f_view_as(clean)?.f_to_device(clean.device())?;
        let delta = best.f_add(&change)?.f_sub(clean)?.f_clamp(-self.epsilon, self.epsilon)?;
        Ok(clean.f_add(&delta)?.f_clamp(0.0, 1.0)?)
    }

    /// Moves the perturbation of a second window into a first one, where a bump is added, and restores the radius.
    fn bump(&self, clean: &Tensor, best: &Tensor, draws: impl Iterator<Item = (i64, ChaCha8Rng)>) -> Result<Tensor> {
        let (mut first, mut second, mut bump) = (Vec::new(), Vec::new(), Vec::new());
        let mut side = 0;
        for (size, mut rng) in draws {
            side = size;
            first.push(self.corner(side, &mut rng));
            second.push(self.corner(side, &mut rng));
            let shape = bumps::bump(self.norm, side, &mut rng);
            for _ in 0..self.channels {
                let sign = sign(&mut rng);
                bump.extend(shape.iter().map(|value| value * sign));
            }
        }
        let first = self.pixels(&first, side, clean.device())?;
        let second = self.pixels(&second, side, clean.device())?;
        let bump = Tensor::f_from_slice(&bump)?.f_to_device(clean.device())?.f_view_as(&first)?;
        let delta = best.f_sub(clean)?.f_flatten(2, -1)?;
        let old = delta.f_gather(2, &first, false)?;
        let outside = delta.f_scatter_value(2, &first, 0.0)?.f_scatter_value(2, &second, 0.0)?;
        let whole = self.size(&delta, [1, 2].as_slice())?;
        let windows = self.size(&delta.f_sub(&outside)?, [1, 2].as_slice())?;
        let mixed = bump.f_add(&old.f_div(&self.size(&old, [2].as_slice())?.f_add_scalar(TINY)?)?)?;
        let mixed = mixed.f_div(&self.size(&mixed, [2].as_slice())?.f_add_scalar(TINY)?)?;
        let channels = self.channels as f64;
        let budget = if self.norm == Norm::L2 {
            let spare = whole.f_square()?.f_neg()?.f_add_scalar(self.epsilon.powi(2))?.f_clamp_min(0.0)?;
            spare.f_divide_scalar(channels)?.f_add(&windows.f_square()?)?.f_sqrt()?
        } else {
            let spare = whole.f_neg()?.f_add_scalar(self.epsilon)?.f_clamp_min(0.0)?;
            spare.f_divide_scalar(channels)?.f_add(&windows)?.f_mul_scalar(channels)?
        };
        let delta = delta.f_scatter_value(2, &second, 0.0)?.f_scatter(2, &first, &mixed.f_mul(&budget)?)?;
        self.inside(clean, &delta.f_view_as(clean)?)
    }

    /// Scales (L2) or projects (L1) a perturbation to the radius, then to the box.
    fn inside(&self, clean: &Tensor, delta: &Tensor) -> Result<Tensor> {
        let delta = if self.norm == Norm::L2 {
            let size = norms::per_image(Norm::L2, delta)?.f_add_scalar(TINY)?;
            delta.f_div(&size)?.f_mul_scalar(self.epsilon)?
        } else {
            l1_ball_and_box(clean, delta, self.epsilon * L1_SAFETY)?
        };
        Ok(clean.f_add(&delta)?.f_clamp(0.0, 1.0)?)
    }

    fn size(&self, delta: &Tensor, dims: &[i64]) -> Result<Tensor> {
        Ok(match self.norm {
            Norm::L2 => delta.f_square()?.f_sum_dim_intlist(dims, true, Kind::Float)?.f_sqrt()?,
            _ => delta.f_abs()?.f_sum_dim_intlist(dims, true, Kind::Float)?,
        })
    }

    /// Corner of a window. As published, the last position of each direction is never drawn.
    fn corner(&self, side: i64, rng: &mut ChaCha8Rng) -> (i64, i64) {
        let mut draw = |free: i64| (rng.random::<f64>() * free as f64) as i64;
        (draw(self.height - side), draw(self.width - side))
    }

    /// Flat pixel numbers of each row's window, [N, channels, side²].
    fn pixels(&self, corners: &[(i64, i64)], side: i64, device: Device) -> Result<Tensor> {
        let starts: Vec<i64> = corners.iter().map(|(top, left)| top * self.width + left).collect();
        let offsets: Vec<i64> =
            (0..side).flat_map(|row| (0..side).map(move |column| row * self.width + column)).collect();
        let starts = Tensor::f_from_slice(&starts)?.f_view([-1, 1, 1])?;
        let offsets = Tensor::f_from_slice(&offsets)?.f_view([1, 1, -1])?;
        let pixels = starts.f_add(&offsets)?.f_expand([-1, self.channels, -1], false)?;
        Ok(pixels.f_contiguous()?.f_to_device(device)?)
    }
}

fn sign(rng: &mut ChaCha8Rng) -> f32 {
    if rng.random::<bool>() {
        1.0
    } else {
        -1.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_shrink_as_published() {
        let sides = |norm| [0, 10, 11, 50, 51, 201, 501, 1001, 2001, 4001, 8001].map(|query| side(norm, query, 32, 32));
        assert_eq!(sides(Norm::Linf), [29, 29, 20, 20, 14, 10, 7, 5, 4, 3, 1]);
        assert_eq!(sides(Norm::L2), [29, 29, 21, 21, 15, 11, 7, 5, 5, 3, 3]);
        assert_eq!(side(Norm::L2, 0, 4, 4), 3);
    }

    #[test]
    fn a_window_holds_the_pixels_below_and_right_of_its_corner() {
        let window = Window { norm: Norm::Linf, epsilon: 0.1, channels: 2, height: 4, width: 5 };
        let pixels = window.pixels(&[(1, 2), (0, 0)], 2, Device::Cpu).unwrap();
        assert_eq!(pixels.size(), [2, 2, 4]);
        assert_eq!(Vec::<i64>::try_from(pixels.flatten(0, -1)).unwrap()[..4], [7, 8, 12, 13]);
        assert_eq!(Vec::<i64>::try_from(pixels.flatten(0, -1)).unwrap()[12..], [0, 1, 5, 6]);
    }
}
