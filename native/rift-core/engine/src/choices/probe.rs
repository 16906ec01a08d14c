//! What choices are compared by: gradients of a small network.

use std::time::Instant;

use tch::{Device, Kind, Tensor};

use super::{processors, Choices, IMAGES};
use crate::attack::{pgd, Loss};
use crate::checkpoint::NetworkManifest;
use crate::error::Result;
use crate::net::{Format, Network, Plan, PlanOptions};
use crate::rng;

/// Rounds of a comparison, the best of which counts.
const ROUNDS: u32 = 2;

/// A network of the sample's size on images of noise: speed does not depend on the values.
pub(super) struct Probe {
    network: Network,
    images: Tensor,
    labels: Tensor,
}

impl Probe {
    pub(super) fn new() -> Result<Self> {
        let manifest = NetworkManifest::plain("resnet18", 16, 10, 32);
        let ids: Vec<u64> = (0..2 * IMAGES as u64).collect();
        Ok(Self {
            network: Network::initial(manifest, 0)?,
            images: rng::uniform_per_image(0, "choices", &ids, 0, &[3, 32, 32], 0.0, 1.0)?,
            labels: Tensor::f_zeros([2 * IMAGES], (Kind::Int64, Device::Cpu))?,
        })
    }

    /// Images per second of a gradient, the best of some rounds, of choices that take turns.
    pub(super) fn rates<const N: usize>(&self, turns: [&Choices; N]) -> Result<[f64; N]> {
        let plans = turns.iter().map(|choices| self.plan(choices)).collect::<Result<Vec<_>>>()?;
        let mut best = [f64::INFINITY; N];
        // The first round prepares libtorch's kernels.
        for round in 0..=ROUNDS {
            for (at, choices) in turns.iter().enumerate() {
                let seconds = self.seconds(&plans[at], choices.batch_size)?;
                if round > 0 {
                    best[at] = best[at].min(seconds);
                }
            }
        }
        Ok(best.map(|seconds| 2.0 * IMAGES as f64 / seconds))
    }

    fn plan(&self, choices: &Choices) -> Result<Plan> {
        let kind = if choices.bf16 { Kind::BFloat16 } else { Kind::Float };
        self.network.plan(PlanOptions {
            format: Format { kind, channels_last: choices.channels_last },
            fold: true,
            device: Device::Cpu,
            lanes: if choices.lanes { processors() } else { 1 },
        })
    }

    fn seconds(&self, plan: &Plan, batch_size: i64) -> Result<f64> {
        let began = Instant::now();
        let mut at = 0;
        while at < 2 * IMAGES {
            let part = |tensor: &Tensor| tensor.f_narrow(0, at, batch_size);
            let _ = pgd::gradient(plan, &part(&self.images)?, &part(&self.labels)?, &Loss::CrossEntropy)?;
            at += batch_size;
        }
        Ok(began.elapsed().as_secs_f64())
    }
}
