//! What a job runs on: device, threads, and the format of its fast path.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tch::{Device, Kind, Tensor};

use crate::error::Result;
use crate::memory::set_budget;
use crate::net::exec::channels_last;
use crate::net::{Format, Network, Plan, PlanOptions};
use crate::spec::{AttackSpec, ComputeSpec, Precision};

/// Memory of a job's caches and images, in MiB, unless the caller says otherwise.
const MEMORY_MIB: u32 = 3 << 10;

/// Resolved form of a [`ComputeSpec`].
#[derive(Debug, Clone, Copy)]
pub struct Compute {
    /// Device.
    pub device: Device,
    /// How iterates are computed.
    pub fast: PlanOptions,
    /// Images per batch of attacks and evaluation.
    pub batch_size: i64,
    /// Bytes of kept activations, and of kept images, beyond which they move to files.
    pub memory: u64,
    /// Whether every rewrite of the network and every early stop is off.
    pub plain: bool,
}

impl Compute {
    /// Resolves device, threads and precision. Sets libtorch's thread count for the process.
    pub fn resolve(spec: &ComputeSpec) -> Result<Self> {
        let device = spec.resolve_device()?;
        let threads = use_threads(spec.threads);
        let batch_size = if spec.batch_size > 0 { i64::from(spec.batch_size) } else { 256 };
        let memory = u64::from(if spec.memory_mib > 0 { spec.memory_mib } else { MEMORY_MIB }) << 20;
        set_budget(memory);
        if spec.plain {
            return Ok(Self { device, fast: PlanOptions::plain(device), batch_size, memory, plain: true });
        }
        let bf16 = match spec.precision {
            Precision::Fp32 => false,
            Precision::Bf16 => true,
            Precision::Auto | Precision::Unspecified => device.is_cuda() || bf16_is_faster(),
        };
        let kind = if bf16 { Kind::BFloat16 } else { Kind::Float };
        let format = Format { kind, channels_last: true };
        // A GPU wants the whole batch; on the processor, lanes spare a barrier after every operator.
        let lanes = if device == Device::Cpu { threads } else { 1 };
        let fast = PlanOptions { format, fold: true, device, lanes };
        Ok(Self { device, fast, batch_size, memory, plain: false })
    }

    /// The network for iterates.
    pub fn fast_plan(&self, network: &Network) -> Result<Plan> {
        network.plan(self.fast)
    }

    /// The network for judgement: float32, nothing folded.
    pub fn judge_plan(&self, network: &Network) -> Result<Plan> {
        let format = Format { kind: Kind::Float, channels_last: self.fast.format.channels_last };
        network.plan(PlanOptions { format, fold: false, ..self.fast })
    }

    /// The attack as it is run: to its end where every early stop is off.
    pub fn attack(&self, spec: &AttackSpec) -> AttackSpec {
        AttackSpec { to_the_end: spec.to_the_end || self.plain, ..spec.clone() }
    }
}

/// Makes libtorch compute with so many threads from now on, 0 meaning all it found at first. Returns their number.
fn use_threads(wanted: u32) -> usize {
    static ALL: OnceLock<i32> = OnceLock::new();
    let all = *ALL.get_or_init(tch::get_num_threads);
    let threads = if wanted > 0 { wanted as i32 } else { all };
    tch::set_num_threads(threads);
    threads as usize
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
