//! First values of a network's tensors, each from a random stream of its own.

use rand::Rng;
use rand_distr::{Distribution, Normal, Uniform};
use tch::{Kind, Tensor};

use super::graph::{Init, TensorSpec};
use crate::error::{EngineError, Result};
use crate::rng;

/// The tensor that `spec` declares, as `seed` draws it.
pub fn initial_tensor(spec: &TensorSpec, seed: u64) -> Result<Tensor> {
    let count = spec.shape.iter().product::<i64>() as usize;
    let mut rng = rng::stream(seed, &format!("init {}", spec.name), &[]);
    let values: Vec<f32> = match spec.init {
        Init::Constant(value) => vec![value as f32; count],
        Init::KaimingUniform { fan_in } => {
            let bound = 1.0 / (fan_in as f32).sqrt();
            let uniform = Uniform::new(-bound, bound).map_err(|error| EngineError::Internal(error.to_string()))?;
            (0..count).map(|_| rng.sample(uniform)).collect()
        }
        Init::Normal { std } => {
            let normal = Normal::new(0.0, std as f32).map_err(|error| EngineError::Internal(error.to_string()))?;
            (0..count).map(|_| normal.sample(&mut rng)).collect()
        }
    };
    let tensor = Tensor::f_from_slice(&values)?.f_reshape(&spec.shape)?;
    Ok(if spec.name.ends_with("num_batches_tracked") { tensor.f_to_kind(Kind::Int64)? } else { tensor })
}
