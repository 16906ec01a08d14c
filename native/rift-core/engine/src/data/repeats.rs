//! Finds pictures that occur more than once, within a split and in two splits: the latter makes a test too easy.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::dataset::Dataset;
use crate::checkpoint::bytes::bytes_of;
use crate::error::Result;

/// Pictures of the splits seen so far, by digest.
#[derive(Default)]
pub struct Repeats {
    splits: Vec<String>,
    seen: HashMap<[u8; 32], usize>,
}

impl Repeats {
    /// Adds a split. Returns one sentence for each kind of repetition that it brings; none when all is well.
    pub fn add(&mut self, dataset: &Dataset) -> Result<Vec<String>> {
        let bytes = bytes_of(&dataset.images)?;
        let own = self.splits.len();
        let mut counts = vec![0usize; own + 1];
        self.splits.push(dataset.split.clone());
        for picture in bytes.chunks_exact(bytes.len() / dataset.len() as usize) {
            let digest: [u8; 32] = Sha256::digest(picture).into();
            match self.seen.get(&digest) {
                Some(split) => counts[*split] += 1,
                None => {
                    self.seen.insert(digest, own);
                }
            }
        }
        let repeated = counts.iter().enumerate().filter(|(_, count)| **count > 0);
        Ok(repeated
            .map(|(split, count)| {
                let (name, other) = (&dataset.split, &self.splits[split]);
                if split == own {
                    format!("split {name} holds {count} images more than once")
                } else {
                    format!(
                        "split {name} holds {count} images of split {other}; figures on one are no test of the other"
                    )
                }
            })
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use tch::{Kind, Tensor};

    use super::*;

    fn split(name: &str, values: &[u8]) -> Dataset {
        let count = values.len() as i64;
        let images = Tensor::from_slice(values).reshape([count, 1, 1, 1]).expand([count, 3, 2, 2], false).contiguous();
        let labels = Tensor::zeros([count], (Kind::Int64, tch::Device::Cpu));
        Dataset::new(images, labels, vec!["only".into()], "toy", name).unwrap()
    }

    #[test]
    fn pictures_that_occur_twice_are_counted_within_a_split_and_between_splits() {
        let mut repeats = Repeats::default();
        assert_eq!(repeats.add(&split("train", &[1, 2, 3, 2])).unwrap(), ["split train holds 1 images more than once"]);
        let notes = repeats.add(&split("test", &[4, 3, 1, 4])).unwrap();
        assert_eq!(notes.len(), 2);
        assert!(notes[0].starts_with("split test holds 2 images of split train"), "{notes:?}");
        assert_eq!(repeats.add(&split("val", &[9])).unwrap(), Vec::<String>::new());
    }
}
