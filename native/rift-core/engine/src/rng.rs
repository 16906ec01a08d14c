//! Randomness that depends on names, not on order: every stream is keyed by (seed, purpose, indices), so a result does
//! not change with batch size, shard, worker count or resume point. libtorch's global generator is never used.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};
use sha2::{Digest, Sha256};
use tch::{Device, Tensor};

use crate::error::Result;

/// Generator for `(seed, purpose, indices)`. Different purposes never share a stream.
pub fn stream(seed: u64, purpose: &str, indices: &[u64]) -> ChaCha8Rng {
    let mut hash = Sha256::new();
    hash.update(seed.to_le_bytes());
    hash.update((purpose.len() as u64).to_le_bytes());
    hash.update(purpose.as_bytes());
    for index in indices {
        hash.update(index.to_le_bytes());
    }
    ChaCha8Rng::from_seed(hash.finalize().into())
}

/// One seed derived from `(seed, purpose, indices)`, to hand to a part that derives its own streams.
pub fn derive(seed: u64, purpose: &str, indices: &[u64]) -> u64 {
    stream(seed, purpose, indices).random()
}

/// Uniform noise in [low, high), float32, shape [ids.len(), per_image...]; row r comes from the stream of `ids[r]`.
pub fn uniform_per_image(
    seed: u64, purpose: &str, ids: &[u64], restart: u64, shape: &[i64], low: f32, high: f32,
) -> Result<Tensor> {
    per_image(seed, purpose, ids, restart, shape, |rng| rng.random_range(low..high))
}

/// Standard normal noise, float32, laid out as in [`uniform_per_image`].
pub fn normal_per_image(seed: u64, purpose: &str, ids: &[u64], restart: u64, shape: &[i64]) -> Result<Tensor> {
    per_image(seed, purpose, ids, restart, shape, |rng| StandardNormal.sample(rng))
}

fn per_image(
    seed: u64, purpose: &str, ids: &[u64], restart: u64, shape: &[i64], mut draw: impl FnMut(&mut ChaCha8Rng) -> f32,
) -> Result<Tensor> {
    let each: usize = shape.iter().product::<i64>() as usize;
    let mut values = Vec::with_capacity(each * ids.len());
    for id in ids {
        let mut rng = stream(seed, purpose, &[*id, restart]);
        values.extend((0..each).map(|_| draw(&mut rng)));
    }
    let mut full = vec![ids.len() as i64];
    full.extend_from_slice(shape);
    Ok(Tensor::f_from_slice(&values)?.f_to_device(Device::Cpu)?.f_reshape(full)?)
}

/// A permutation of 0..count.
pub fn permutation(seed: u64, purpose: &str, indices: &[u64], count: usize) -> Vec<i64> {
    let mut rng = stream(seed, purpose, indices);
    let mut order: Vec<i64> = (0..count as i64).collect();
    for i in (1..count).rev() {
        order.swap(i, rng.random_range(0..=i));
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_an_image_does_not_depend_on_its_batch() {
        let whole = uniform_per_image(7, "pgd", &[0, 1, 2], 0, &[3, 2, 2], -1.0, 1.0).unwrap();
        let alone = uniform_per_image(7, "pgd", &[2], 0, &[3, 2, 2], -1.0, 1.0).unwrap();
        assert_eq!(whole.narrow(0, 2, 1), alone);
    }

    #[test]
    fn a_permutation_holds_every_index_once() {
        let mut order = permutation(1, "epoch", &[3], 100);
        assert_ne!(order, (0..100).collect::<Vec<_>>());
        order.sort_unstable();
        assert_eq!(order, (0..100).collect::<Vec<_>>());
    }
}
