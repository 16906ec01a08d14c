//! Random crop and flip of training images; the draw of an image depends on (seed, epoch, image) alone.

use rand::Rng;
use tch::Tensor;

use super::dataset::Dataset;
use crate::error::Result;
use crate::rng;
use crate::spec::{AugmentSpec, PaddingMode};

/// Random crops of the images of a data set, which it shares.
pub struct Augmenter {
    images: Tensor,
    labels: Vec<i64>,
    side: usize,
    spec: AugmentSpec,
}

impl Augmenter {
    /// Shares the images of `data`, which are square.
    pub fn new(data: &Dataset, spec: &AugmentSpec) -> Result<Self> {
        let images = data.images.shallow_clone();
        Ok(Self { images, labels: data.label_vec()?, side: data.image_size().0 as usize, spec: spec.clone() })
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Images `indices`, augmented for `epoch`: float32 [B, 3, H, W] in [0,1], and their labels. `ids` key the draws, one
    /// for each image, so that an image that comes twice is cut in two ways.
    pub fn batch(&self, indices: &[i64], ids: &[u64], seed: u64, epoch: u64) -> Result<(Tensor, Tensor)> {
        let (side, padding) = (self.side as i64, i64::from(self.spec.padding));
        let area = self.side * self.side;
        let mut values = Vec::with_capacity(indices.len() * 3 * area);
        let mut labels = Vec::with_capacity(indices.len());
        let chosen = self.images.f_index_select(0, &Tensor::f_from_slice(indices)?)?;
        let pixels = Vec::<u8>::try_from(&chosen.f_flatten(0, -1)?)?;
        for (at, (index, id)) in indices.iter().zip(ids).enumerate() {
            let mut draw = rng::stream(seed, "augment", &[epoch, *id]);
            let (dy, dx) = (draw.random_range(0..=2 * padding) - padding, draw.random_range(0..=2 * padding) - padding);
            let flip = self.spec.flip && draw.random::<bool>();
            let image = &pixels[at * 3 * area..][..3 * area];
            for plane in image.chunks_exact(area) {
                for y in 0..side {
                    let row = self.source(y + dy);
                    for x in 0..side {
                        let column = self.source(if flip { side - 1 - x } else { x } + dx);
                        values.push(match (row, column) {
                            (Some(row), Some(column)) => f32::from(plane[row * self.side + column]) / 255.0,
                            _ => 0.0,
                        });
                    }
                }
            }
            labels.push(self.labels[*index as usize]);
        }
        let images = Tensor::f_from_slice(&values)?.f_reshape([indices.len() as i64, 3, side, side])?;
        Ok((images, Tensor::f_from_slice(&labels)?))
    }

    /// Where the pixel at `at` of the shifted image comes from; none is a zero.
    fn source(&self, at: i64) -> Option<usize> {
        let last = self.side as i64 - 1;
        if (0..=last).contains(&at) {
            return Some(at as usize);
        }
        match self.spec.padding_mode {
            PaddingMode::Zero => None,
            PaddingMode::Reflect => Some((if at < 0 { -at } else { 2 * last - at }) as usize),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use tch::{Device, Kind};

    use super::*;

    const SIDE: i64 = 4;

    /// One image whose values all differ, 1 to 48.
    fn ramp() -> Tensor {
        Tensor::arange_start(1, 1 + 3 * SIDE * SIDE, (Kind::Uint8, Device::Cpu)).view([1, 3, SIDE, SIDE])
    }

    /// The image as 200 draws augment it, as bytes.
    fn drawn(spec: AugmentSpec) -> Vec<Vec<u8>> {
        let classes = vec!["ramp".to_string()];
        let label = Tensor::zeros([1], (Kind::Int64, Device::Cpu));
        let data = Dataset::new(ramp(), label, classes, "ramp", "train").unwrap();
        let ids: Vec<u64> = (0..200).collect();
        let (images, labels) = Augmenter::new(&data, &spec).unwrap().batch(&[0; 200], &ids, 5, 1).unwrap();
        assert_eq!(labels, Tensor::zeros([200], (Kind::Int64, Device::Cpu)));
        (0..200).map(|at| bytes(&(images.get(at) * 255.0).round())).collect()
    }

    fn bytes(image: &Tensor) -> Vec<u8> {
        Vec::<u8>::try_from(image.to_kind(Kind::Uint8).flatten(0, -1)).unwrap()
    }

    #[test]
    fn half_of_the_images_are_mirrored_and_nothing_else_happens_without_padding() {
        let spec = |flip| AugmentSpec { padding: 0, padding_mode: PaddingMode::Zero, flip };
        let (own, mirror) = (bytes(&ramp()), bytes(&ramp().flip([3])));
        assert!(drawn(spec(false)).iter().all(|image| *image == own));
        let seen = drawn(spec(true));
        assert!(seen.iter().all(|image| *image == own || *image == mirror));
        let mirrored = seen.iter().filter(|image| **image == mirror).count();
        assert!((70..=130).contains(&mirrored), "{mirrored} of 200");
    }

    #[test]
    fn every_crop_of_the_padded_image_comes_and_no_other_with_zeros_or_with_the_reflection() {
        for padding_mode in [PaddingMode::Zero, PaddingMode::Reflect] {
            let image = ramp().to_kind(Kind::Float);
            let padded = match padding_mode {
                PaddingMode::Zero => image.constant_pad_nd([1; 4]),
                PaddingMode::Reflect => image.reflection_pad2d([1; 4]),
            };
            let crop = |y, x| bytes(&padded.narrow(2, y, SIDE).narrow(3, x, SIDE));
            let crops: HashSet<Vec<u8>> = (0..9).map(|at| crop(at / 3, at % 3)).collect();
            assert_eq!(crops.len(), 9);
            let seen = drawn(AugmentSpec { padding: 1, padding_mode, flip: false });
            assert_eq!(seen.into_iter().collect::<HashSet<_>>(), crops, "{padding_mode:?}");
        }
    }
}
