//! Networks compiled for evaluation mode: how they may differ from the network itself, and what runs them.

use tch::{Device, Tensor};

use super::exec::{BatchNorm, Executor, Format};
use super::forward::{Classifier, Forward, LaneModel};
use super::network::Network;
use super::passes;
use crate::checkpoint::StateDict;
use crate::error::Result;
use crate::lanes::{self, spans};

/// How a plan may differ from the network itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PlanOptions {
    /// Number format and layout.
    pub format: Format,
    /// Whether batch norm is folded into the convolutions.
    pub fold: bool,
    /// Where it runs.
    pub device: Device,
    /// Lanes that a batch is spread over; 1 leaves it whole, to libtorch's own threads.
    pub lanes: usize,
}

impl PlanOptions {
    /// The network as it is: float32, default layout, nothing folded.
    pub fn plain(device: Device) -> Self {
        Self { format: Format::PLAIN, fold: false, device, lanes: 1 }
    }
}

/// A network compiled for evaluation mode: weights are constants, so no graph is kept for them.
pub struct Plan {
    forward: Box<dyn Forward>,
    lanes: Vec<LaneModel>,
    device: Device,
}

impl Classifier for Plan {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        if self.lanes.is_empty() || images.requires_grad() {
            return self.forward.forward(images, BatchNorm::Eval);
        }
        let parts = spans(images.size()[0], self.lanes.len())
            .into_iter()
            .zip(&self.lanes)
            .map(|((first, rows), lane)| {
                let (images, lane) = (images.f_narrow(0, first, rows)?, lane.clone());
                Ok(move || tch::no_grad(|| lane.logits(&images)))
            })
            .collect::<Result<Vec<_>>>()?;
        Ok(Tensor::f_cat(&lanes::run(parts)?, 0)?)
    }

    fn device(&self) -> Device {
        self.device
    }

    fn lanes(&self) -> &[LaneModel] {
        &self.lanes
    }
}

impl Network {
    /// Compiles the network, as it is now, for evaluation mode.
    pub fn plan(&self, options: PlanOptions) -> Result<Plan> {
        if let Some(script) = self.script() {
            let here = self.state.iter().next().map_or(Device::Cpu, |(_, tensor)| tensor.device());
            let forward: Box<dyn Forward> = if here == options.device {
                Box::new(script.clone())
            } else {
                let mut other = self.copy()?;
                other.to_device(options.device)?;
                other.bind(options.format)?
            };
            return Ok(Plan { forward, lanes: Vec::new(), device: options.device });
        }
        let convert = |state: &StateDict| {
            passes::convert(state, options.format.kind, options.format.channels_last, options.device)
        };
        let folded = options.fold.then(|| passes::fold_batch_norm(&self.graph, &self.state)).transpose()?;
        let (graph, state) =
            folded.as_ref().map_or((&self.graph, &self.state), |folded| (&folded.graph, &folded.state));
        let state = convert(state)?;
        let bind = || Executor::bind(graph, &state, options.format);
        let lanes = if options.lanes > 1 {
            (0..options.lanes).map(|_| Ok(LaneModel::new(bind()?, options.device))).collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Plan { forward: Box::new(bind()?), lanes, device: options.device })
    }
}
