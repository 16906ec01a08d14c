//! Named tensors in their order, as PyTorch's `state_dict()` gives them.

use std::path::Path;

use indexmap::IndexMap;
use sha2::{Digest, Sha256};
use tch::{Kind, Tensor};

use super::bytes::bytes_of;
use crate::error::{EngineError, Result};

/// Ordered map from PyTorch's parameter and buffer names to tensors.
#[derive(Debug, Default)]
pub struct StateDict(IndexMap<String, Tensor>);

impl StateDict {
    /// No tensors yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The tensor called `name`.
    pub fn get(&self, name: &str) -> Option<&Tensor> {
        self.0.get(name)
    }

    /// The tensor called `name`, or an error that suggests the nearest name.
    pub fn require(&self, name: &str) -> Result<&Tensor> {
        self.get(name).ok_or_else(|| EngineError::unknown("tensor", name, &self.0.keys().cloned().collect::<Vec<_>>()))
    }

    /// Adds a tensor at the end, or replaces the one of that name in its place and returns the old one.
    pub fn insert(&mut self, name: impl Into<String>, tensor: Tensor) -> Option<Tensor> {
        self.0.insert(name.into(), tensor)
    }

    /// Takes a tensor out; the others keep their order.
    pub fn remove(&mut self, name: &str) -> Option<Tensor> {
        self.0.shift_remove(name)
    }

    /// Names and tensors in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &Tensor)> {
        self.0.iter().map(|(name, tensor)| (name.as_str(), tensor))
    }

    /// Names in order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Number of tensors.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no tensor.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The same tensors in storage of their own, detached from any graph, on the devices where they are.
    pub fn deep_copy(&self) -> Result<Self> {
        self.iter().map(|(name, tensor)| Ok((name.to_string(), tensor.f_detach_copy()?))).collect()
    }

    /// SHA-256 in lower-case hex over name, dtype, shape and contiguous little-endian bytes of every tensor in order.
    /// Each variable-length part is preceded by its length, so no two different dictionaries share an input.
    pub fn digest(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for (name, tensor) in self.iter() {
            let shape = tensor.size();
            for part in [name, &format!("{:?}", tensor.f_kind()?)] {
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
            hash.update((shape.len() as u64).to_le_bytes());
            for dim in &shape {
                hash.update(dim.to_le_bytes());
            }
            hash.update(bytes_of(tensor)?);
        }
        Ok(format!("{:x}", hash.finalize()))
    }

    /// Refuses NaN and infinity in any floating-point tensor of the file at `path`, naming the first such tensor and how
    /// many values are bad.
    pub fn check_finite(&self, path: &Path) -> Result<()> {
        for (name, tensor) in self.iter() {
            if !matches!(tensor.f_kind()?, Kind::Half | Kind::BFloat16 | Kind::Float | Kind::Double) {
                continue;
            }
            let bad = i64::try_from(&tensor.f_isfinite()?.f_logical_not()?.f_sum(Kind::Int64)?)?;
            if bad > 0 {
                let nan = i64::try_from(&tensor.f_isnan()?.f_sum(Kind::Int64)?)?;
                return Err(EngineError::file(
                    path,
                    format!(
                        "tensor {name} holds {nan} NaN and {} infinite values of {}; a network with such weights cannot be used, take a checkpoint from before training diverged",
                        bad - nan,
                        tensor.numel()
                    ),
                ));
            }
        }
        Ok(())
    }
}

impl FromIterator<(String, Tensor)> for StateDict {
    fn from_iter<I: IntoIterator<Item = (String, Tensor)>>(tensors: I) -> Self {
        Self(tensors.into_iter().collect())
    }
}

impl IntoIterator for StateDict {
    type Item = (String, Tensor);
    type IntoIter = indexmap::map::IntoIter<String, Tensor>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dict(entries: &[(&str, f32)]) -> StateDict {
        entries.iter().map(|(name, value)| ((*name).to_string(), Tensor::from_slice(&[*value]))).collect()
    }

    #[test]
    fn the_digest_depends_on_name_order_value_shape_and_dtype() {
        let base = dict(&[("a", 1.0), ("b", 2.0)]);
        let digest = base.digest().unwrap();
        assert_eq!(digest.len(), 64);
        assert_eq!(base.deep_copy().unwrap().digest().unwrap(), digest);
        let mut shaped = base.deep_copy().unwrap();
        shaped.insert("a", Tensor::from_slice(&[1.0f32]).reshape([1, 1]));
        let mut typed = base.deep_copy().unwrap();
        typed.insert("a", Tensor::from_slice(&[1.0f32]).view_dtype(Kind::Int));
        for other in
            [dict(&[("b", 2.0), ("a", 1.0)]), dict(&[("a", 1.5), ("b", 2.0)]), dict(&[("ab", 1.0)]), shaped, typed]
        {
            assert_ne!(other.digest().unwrap(), digest);
        }
    }

    #[test]
    fn a_deep_copy_does_not_share_storage() {
        let base = dict(&[("a", 1.0)]);
        let copy = base.deep_copy().unwrap();
        let _ = copy.get("a").unwrap().shallow_clone().fill_(9.0);
        assert_eq!(base.get("a").unwrap(), &Tensor::from_slice(&[1.0f32]));
    }

    #[test]
    fn nan_and_infinity_are_counted_and_named() {
        let mut bad = dict(&[("fine", 1.0)]);
        bad.insert("conv1.weight", Tensor::from_slice(&[f32::NAN, 1.0, f32::INFINITY]));
        let refused = bad.check_finite(Path::new("a.pth")).unwrap_err().to_string();
        assert!(refused.contains("conv1.weight holds 1 NaN and 1 infinite values of 3"), "{refused}");
        assert!(dict(&[("fine", 1.0)]).check_finite(Path::new("a.pth")).is_ok());
    }

    #[test]
    fn a_missing_tensor_suggests_the_nearest_name() {
        let refused = dict(&[("layer1.weight", 1.0)]).require("layer1.weigth").unwrap_err().to_string();
        assert!(refused.contains("did you mean layer1.weight?"), "{refused}");
    }
}
