//! One split of a data set in memory: 8-bit images, labels, class names; and the ways to cut it.

use tch::{Device, Kind, Tensor};

use crate::error::{EngineError, Result};
use crate::rng;

/// Labelled images of one split.
#[derive(Debug)]
pub struct Dataset {
    /// Pixels, u8, shape [N, 3, H, W], on the CPU.
    pub images: Tensor,
    /// Class indices, i64, shape [N], each in 0..`classes.len()`, on the CPU.
    pub labels: Tensor,
    /// Class names in label order.
    pub classes: Vec<String>,
    /// Name of the data set ("cifar10").
    pub name: String,
    /// Name of the split ("train", "val", "test").
    pub split: String,
}

impl Dataset {
    /// A checked data set: at least one image, three channels, as many labels as images, every label a class.
    pub fn new(images: Tensor, labels: Tensor, classes: Vec<String>, name: &str, split: &str) -> Result<Self> {
        let shape = images.size();
        if shape.len() != 4 || shape[1] != 3 || images.f_kind()? != Kind::Uint8 {
            return Err(EngineError::invalid(
                "images",
                format!("{:?} {shape:?}", images.f_kind()?),
                "must be unsigned bytes of shape [N, 3, H, W]",
            ));
        }
        if shape[0] == 0 || shape[2] == 0 || shape[3] == 0 {
            return Err(EngineError::invalid("images", format!("{shape:?}"), "must hold at least one image"));
        }
        if labels.f_kind()? != Kind::Int64 || labels.size() != [shape[0]] {
            return Err(EngineError::invalid(
                "labels",
                format!("{:?} {:?}", labels.f_kind()?, labels.size()),
                format!("must be one 64-bit integer for each of the {} images", shape[0]),
            ));
        }
        let dataset = Self { images, labels, classes, name: name.into(), split: split.into() };
        dataset.check_labels()?;
        Ok(dataset)
    }

    /// Number of images.
    pub fn len(&self) -> i64 {
        self.images.size().first().copied().unwrap_or(0)
    }

    /// Whether there is no image; never true for a data set made by [`Dataset::new`].
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Height and width in pixels.
    pub fn image_size(&self) -> (i64, i64) {
        let shape = self.images.size();
        (shape[2], shape[3])
    }

    /// Labels as numbers, in image order.
    pub fn label_vec(&self) -> Result<Vec<i64>> {
        Ok(Vec::<i64>::try_from(&self.labels)?)
    }

    /// Images `indices` as float32 in [0,1] (pixel ÷ 255), shape [B, 3, H, W], and their labels, both on the CPU.
    pub fn batch(&self, indices: &[i64]) -> Result<(Tensor, Tensor)> {
        let index = self.index(indices)?;
        let images = self.images.f_index_select(0, &index)?.f_to_kind(Kind::Float)?.f_divide_scalar(255.0)?;
        Ok((images, self.labels.f_index_select(0, &index)?))
    }

    /// The images `indices`, in that order, as a data set of their own.
    pub fn subset(&self, indices: &[i64]) -> Result<Self> {
        if indices.is_empty() {
            return Err(EngineError::invalid("indices", "empty", "must name at least one image"));
        }
        let index = self.index(indices)?;
        Ok(Self {
            images: self.images.f_index_select(0, &index)?,
            labels: self.labels.f_index_select(0, &index)?,
            classes: self.classes.clone(),
            name: self.name.clone(),
            split: self.split.clone(),
        })
    }

    /// The first `n` images; `n` must be in 1..=[`Dataset::len`].
    pub fn first(&self, n: i64) -> Result<Self> {
        if n < 1 || n > self.len() {
            return Err(EngineError::invalid(
                "limit",
                n,
                format!("must be between 1 and {}, the images in split {} of {}", self.len(), self.split, self.name),
            ));
        }
        self.subset(&(0..n).collect::<Vec<_>>())
    }

    /// Splits the indices into (rest, held out): `count` images are held out, drawn per class in proportion to the class
    /// sizes by the stream of `seed`. Both lists are sorted, so a split depends on the seed and the labels alone.
    pub fn held_out(&self, count: i64, seed: u64) -> Result<(Vec<i64>, Vec<i64>)> {
        if count < 1 || count >= self.len() {
            return Err(EngineError::invalid(
                "heldOut",
                count,
                format!("must be between 1 and {}, so that something is left of {} images", self.len() - 1, self.len()),
            ));
        }
        let mut by_class: Vec<Vec<i64>> = vec![Vec::new(); self.classes.len()];
        for (index, label) in self.label_vec()?.into_iter().enumerate() {
            by_class[label as usize].push(index as i64);
        }
        let (mut rest, mut held) = (Vec::new(), Vec::new());
        for (class, (members, take)) in by_class.iter().zip(shares(&by_class, count, self.len())).enumerate() {
            let order = rng::permutation(seed, "held-out", &[class as u64], members.len());
            let chosen = order.iter().map(|&at| members[at as usize]);
            held.extend(chosen.clone().take(take as usize));
            rest.extend(chosen.skip(take as usize));
        }
        rest.sort_unstable();
        held.sort_unstable();
        Ok((rest, held))
    }

    fn index(&self, indices: &[i64]) -> Result<Tensor> {
        if let Some(bad) = indices.iter().find(|&&index| index < 0 || index >= self.len()) {
            return Err(EngineError::invalid("indices", bad, format!("must be between 0 and {}", self.len() - 1)));
        }
        Ok(Tensor::f_from_slice(indices)?.f_to_device(Device::Cpu)?)
    }

    fn check_labels(&self) -> Result<()> {
        let count = self.classes.len() as i64;
        match self.label_vec()?.iter().enumerate().find(|(_, &label)| label < 0 || label >= count) {
            None => Ok(()),
            Some((index, label)) => Err(EngineError::invalid(
                format!("labels[{index}]"),
                label,
                format!(
                    "split {} of {} has {count} classes, so labels go from 0 to {}",
                    self.split,
                    self.name,
                    count - 1
                ),
            )),
        }
    }
}

/// How many of `count` fall to each class: proportional, the remainders going to the largest fractions first and then to
/// the lower class index.
fn shares(by_class: &[Vec<i64>], count: i64, total: i64) -> Vec<i64> {
    let mut shares: Vec<i64> = by_class.iter().map(|members| members.len() as i64 * count / total).collect();
    let mut order: Vec<usize> = (0..by_class.len()).collect();
    order.sort_by_key(|&class| std::cmp::Reverse(by_class[class].len() as i64 * count % total));
    let missing = count - shares.iter().sum::<i64>();
    for &class in order.iter().take(missing as usize) {
        shares[class] += 1;
    }
    shares
}
