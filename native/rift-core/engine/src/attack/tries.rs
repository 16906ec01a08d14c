//! What an attack tries on some images: one or more passes, stacked as rows. Few images leave a batch mostly empty, and
//! passes do not depend on one another; so late passes share a batch.

use std::ops::Range;

use tch::Tensor;

use super::pgd::Batch;
use crate::error::Result;

/// Index of an image in its data set, and a pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The image.
    pub id: u64,
    /// The pass.
    pub pass: u64,
}

/// Images with the pass that each row belongs to; rows of one pass are neighbours.
pub struct Tries {
    /// float32 [N, 3, H, W] in [0,1].
    pub images: Tensor,
    /// int64 [N].
    pub labels: Tensor,
    /// What keys each row's randomness.
    pub keys: Vec<Key>,
}

impl Tries {
    /// Every image of `batch` in each of `passes`: all images of the first pass, then all of the next.
    pub fn new(batch: &Batch<'_>, passes: Range<u64>) -> Result<Self> {
        let times = passes.end.saturating_sub(passes.start) as usize;
        let stacked = |tensor: &Tensor| -> Result<Tensor> {
            Ok(if times == 1 { tensor.shallow_clone() } else { Tensor::f_cat(&vec![tensor; times], 0)? })
        };
        Ok(Self {
            images: stacked(batch.images)?,
            labels: stacked(batch.labels)?,
            keys: passes.flat_map(|pass| batch.ids.iter().map(move |&id| Key { id, pass })).collect(),
        })
    }

    /// `count` rows from `first` on.
    pub fn narrow(&self, first: i64, count: i64) -> Result<Self> {
        let rows = first as usize..(first + count) as usize;
        Ok(Self {
            images: self.images.f_narrow(0, first, count)?,
            labels: self.labels.f_narrow(0, first, count)?,
            keys: self.keys[rows].to_vec(),
        })
    }

    /// What `make` gives for the rows of each pass, one under the other.
    pub fn each_pass(&self, make: impl Fn(&Batch<'_>, u64) -> Result<Tensor>) -> Result<Tensor> {
        let mut made = Vec::new();
        let mut first = 0;
        for keys in self.keys.chunk_by(|one, next| one.pass == next.pass) {
            let rows = keys.len() as i64;
            let (images, labels) = (self.images.f_narrow(0, first, rows)?, self.labels.f_narrow(0, first, rows)?);
            let ids: Vec<u64> = keys.iter().map(|key| key.id).collect();
            made.push(make(&Batch { images: &images, labels: &labels, ids: &ids }, keys[0].pass)?);
            first += rows;
        }
        Ok(if made.len() == 1 { made.swap_remove(0) } else { Tensor::f_cat(&made, 0)? })
    }
}
