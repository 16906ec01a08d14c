//! What a job runs on: device, threads, and the format of its fast path.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::net::exec::channels_last;
use crate::net::{Format, Network, Plan, PlanOptions};
use crate::spec::{ComputeSpec, Precision};

/// Resolved form of a [`ComputeSpec`].
#[derive(Debug, Clone, Copy)]
pub struct Compute {
    /// Device.
    pub device: Device,
    /// How iterates are computed.
    pub fast: PlanOptions,
    /// Images per batch of attacks and evaluation.
    pub batch_size: i64,
}

impl Compute {
    /// Resolves device, threads and precision. Sets libtorch's thread count for the process.
    pub fn resolve(spec: &ComputeSpec) -> Result<Self> {
        let device = spec.resolve_device()?;
        if spec.threads > 0 {
            tch::set_num_threads(spec.threads as i32);
        }
        let batch_size = if spec.batch_size > 0 { i64::from(spec.batch_size) } else { 256 };
        if spec.plain {
            return Ok(Self { device, fast: PlanOptions::plain(device), batch_size });
        }
        let bf16 = match spec.precision {
            Precision::Fp32 => false,
            Precision::Bf16 => true,
            Precision::Auto | Precision::Unspecified => device.is_cuda() || bf16_is_faster(),
        };
        let kind = if bf16 { Kind::BFloat16 } else { Kind::Float };
        let format = Format { kind, channels_last: true };
        Ok(Self { device, fast: PlanOptions { format, fold: true, device }, batch_size })
    }

    /// The network for iterates.
    pub fn fast_plan(&self, network: &Network) -> Result<Plan> {
        network.plan(self.fast)
    }

    /// The network for judgement: float32, nothing folded.
    pub fn judge_plan(&self, network: &Network) -> Result<Plan> {
        let format = Format { kind: Kind::Float, channels_last: self.fast.format.channels_last };
        network.plan(PlanOptions { format, fold: false, device: self.device })
    }
}

/// Whether a bf16 convolution beats float32 on this processor, measured once per process.
pub fn bf16_is_faster() -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| match (time_convolution(Kind::Float), time_convolution(Kind::BFloat16)) {
        (Ok(float), Ok(bfloat)) => bfloat < float.mul_f64(0.9),
        _ => false,
    })
}

fn time_convolution(kind: Kind) -> Result<Duration> {
    let _guard = tch::no_grad_guard();
    let images = channels_last(&Tensor::f_ones([32, 64, 32, 32], (kind, Device::Cpu))?)?;
    let weight = channels_last(&Tensor::f_ones([64, 64, 3, 3], (kind, Device::Cpu))?)?;
    let mut best = Duration::MAX;
    for _ in 0..4 {
        let began = Instant::now();
        let _ = images.f_conv2d(&weight, None::<Tensor>, [1, 1], [1, 1], [1, 1], 1)?;
        best = best.min(began.elapsed());
    }
    Ok(best)
}

/// libtorch's thread count.
pub fn threads() -> i32 {
    tch::get_num_threads()
}

/// CUDA devices that libtorch can use.
pub fn cuda_devices() -> i64 {
    tch::Cuda::device_count()
}
