//! What a job runs on: device, threads, and the format of its fast path.

use std::sync::OnceLock;

use tch::{Device, Kind};

use crate::choices::Choices;
use crate::error::Result;
use crate::memory::set_budget;
use crate::net::{Format, Network, Plan, PlanOptions};
use crate::spec::{AttackSpec, ComputeSpec, Precision};

/// Images per batch where nothing was measured.
const BATCH_SIZE: i64 = 256;
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
        let memory = u64::from(if spec.memory_mib > 0 { spec.memory_mib } else { MEMORY_MIB }) << 20;
        set_budget(memory);
        let batch_size = |usual: i64| if spec.batch_size > 0 { i64::from(spec.batch_size) } else { usual };
        if spec.plain {
            let fast = PlanOptions::plain(device);
            return Ok(Self { device, fast, batch_size: batch_size(BATCH_SIZE), memory, plain: true });
        }
        if device != Device::Cpu {
            // A GPU has half precision, and wants the whole batch at once.
            let kind = if spec.precision == Precision::Fp32 { Kind::Float } else { Kind::BFloat16 };
            let fast = PlanOptions { format: Format { kind, channels_last: true }, fold: true, device, lanes: 1 };
            return Ok(Self { device, fast, batch_size: batch_size(BATCH_SIZE), memory, plain: false });
        }
        let choices = match spec.precision {
            Precision::Auto | Precision::Unspecified => Choices::here().clone(),
            Precision::Fp32 | Precision::Bf16 => Choices::usual(spec.precision == Precision::Bf16),
        };
        let kind = if choices.bf16 { Kind::BFloat16 } else { Kind::Float };
        let format = Format { kind, channels_last: choices.channels_last };
        let lanes = if choices.lanes { threads } else { 1 };
        let fast = PlanOptions { format, fold: true, device, lanes };
        let batch_size = batch_size(choices.batch_size);
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

/// libtorch's thread count.
pub fn threads() -> i32 {
    tch::get_num_threads()
}

/// CUDA devices that libtorch can use.
pub fn cuda_devices() -> i64 {
    tch::Cuda::device_count()
}
