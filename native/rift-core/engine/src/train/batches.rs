//! Which images each step reads. Without extra images an epoch is one shuffled pass. With them a share of every batch is
//! drawn from them with replacement (Wang et al. 2023), and the rest goes along a shuffled pass over the training images
//! that ends when the epoch has as many batches as these alone would fill. Every draw is keyed by (seed, epoch, batch), so
//! a training goes on from any batch with the images it would have read.

use rand::Rng;
use tch::Tensor;

use super::inputs::Inputs;
use crate::data::augment::Augmenter;
use crate::error::Result;
use crate::rng;

/// Images of one step, augmented.
pub struct Images {
    /// float32 [B, 3, H, W] in [0,1], on the CPU.
    pub images: Tensor,
    /// int64 [B].
    pub labels: Tensor,
    /// Keys of their randomness: no two of an epoch are equal.
    pub ids: Vec<u64>,
}

/// Batches of every epoch.
pub struct Batches {
    train: Augmenter,
    extra: Option<Augmenter>,
    size: usize,
    /// Training images of one batch.
    share: usize,
    seed: u64,
}

impl Batches {
    /// Shares the images of `inputs`.
    pub fn new(inputs: &Inputs<'_>) -> Result<Self> {
        let spec = inputs.spec;
        let size = spec.batch_size as usize;
        Ok(Self {
            train: Augmenter::new(inputs.train, &spec.augment)?,
            extra: inputs.extra.map(|data| Augmenter::new(data, &spec.augment)).transpose()?,
            size,
            // The slack keeps 10·(1 − 0.9) from being rounded down to none.
            share: (f64::from(spec.batch_size) * (1.0 - spec.extra_fraction) + 1e-9) as usize,
            seed: u64::from(spec.seed),
        })
    }

    /// Batches of an epoch.
    pub fn count(&self) -> u64 {
        self.train.len().div_ceil(self.size) as u64
    }

    /// Order in which an epoch goes through the training images.
    pub fn order(&self, epoch: u32) -> Vec<i64> {
        rng::permutation(self.seed, "epoch order", &[u64::from(epoch)], self.train.len())
    }

    /// Batch `at` of `epoch`, whose order is `order`.
    pub fn read(&self, order: &[i64], epoch: u32, at: u64) -> Result<Images> {
        let from = (at as usize * self.share).min(order.len());
        let indices = &order[from..(from + self.share).min(order.len())];
        let mut ids: Vec<u64> = indices.iter().map(|index| *index as u64).collect();
        let epoch = u64::from(epoch);
        let Some(extra) = &self.extra else {
            let (images, labels) = self.train.batch(indices, &ids, self.seed, epoch)?;
            return Ok(Images { images, labels, ids });
        };
        let missing = self.size - indices.len();
        let mut draw = rng::stream(self.seed, "extra images", &[epoch, at]);
        let drawn: Vec<i64> = (0..missing).map(|_| draw.random_range(0..extra.len() as i64)).collect();
        let first = self.train.len() as u64 + at * self.size as u64;
        let keys: Vec<u64> = (first..first + missing as u64).collect();
        let (mut images, mut labels) = extra.batch(&drawn, &keys, self.seed, epoch)?;
        if !indices.is_empty() {
            let (real, known) = self.train.batch(indices, &ids, self.seed, epoch)?;
            images = Tensor::f_cat(&[real, images], 0)?;
            labels = Tensor::f_cat(&[known, labels], 0)?;
        }
        ids.extend(keys);
        Ok(Images { images, labels, ids })
    }
}
