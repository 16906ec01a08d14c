//! How work is computed.

use serde::{Deserialize, Serialize};
use tch::{Cuda, Device};

use crate::error::{EngineError, Result};

/// Number format of the fast path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Precision {
    /// Same as `Auto`.
    #[serde(rename = "PRECISION_UNSPECIFIED")]
    Unspecified,
    /// bfloat16 where the device has it, float32 otherwise.
    #[serde(rename = "PRECISION_AUTO")]
    Auto,
    /// float32.
    #[serde(rename = "PRECISION_FP32")]
    Fp32,
    /// bfloat16 iterates, float32 judgement.
    #[serde(rename = "PRECISION_BF16")]
    Bf16,
}

/// How a job computes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ComputeSpec {
    /// `auto`, `cpu`, `cuda` or `cuda:N`.
    pub device: String,
    /// Number format of the fast path.
    pub precision: Precision,
    /// Images per batch; 0 means chosen by the engine.
    pub batch_size: u32,
    /// Threads; 0 means all.
    pub threads: u32,
    /// Turns off every rewrite of the network and every early stop.
    pub plain: bool,
    /// Memory of kept activations, and of kept images, in MiB; beyond it they move to files. 0 means chosen by the engine.
    #[serde(default)]
    pub memory_mib: u32,
}

impl Default for ComputeSpec {
    fn default() -> Self {
        Self {
            device: "auto".into(),
            precision: Precision::Auto,
            batch_size: 0,
            threads: 0,
            plain: false,
            memory_mib: 0,
        }
    }
}

impl ComputeSpec {
    /// The device to run on; one that was asked for and is not there is an error.
    pub fn resolve_device(&self) -> Result<Device> {
        let cuda = |index: usize| {
            if Cuda::is_available() && (index as i64) < Cuda::device_count() {
                return Ok(Device::Cuda(index));
            }
            let found =
                format!("{} CUDA devices found; use --device cpu, or install libtorch with CUDA", Cuda::device_count());
            Err(EngineError::DeviceUnavailable { device: self.device.clone(), detail: found })
        };
        match self.device.as_str() {
            "" | "auto" => Ok(Device::cuda_if_available()),
            "cpu" => Ok(Device::Cpu),
            "cuda" => cuda(0),
            name => match name.strip_prefix("cuda:").and_then(|index| index.parse().ok()) {
                Some(index) => cuda(index),
                None => Err(EngineError::invalid("device", name, "must be auto, cpu, cuda or cuda:N")),
            },
        }
    }
}
