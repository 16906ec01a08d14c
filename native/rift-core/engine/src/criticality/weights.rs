//! A network whose weights at some modules are arguments: what the surface of the robust loss is made of.

use std::collections::HashMap;

use tch::{Device, Kind, Tensor};

use crate::compute::Compute;
use crate::control::Control;
use crate::error::Result;
use crate::memory::{bytes, in_file};
use crate::net::exec::Values;
use crate::net::graph::NodeId;
use crate::net::passes::{self, Folded};
use crate::net::{BatchNorm, Executor, Format, Forward, Network};

/// A network with the weights of the entered modules given from outside.
pub trait Weights: Send {
    /// Makes `modules` the ones whose weights are given. `images` are all batches that logits will be asked for.
    fn enter(&mut self, modules: &[String], images: &[Tensor], control: &Control) -> Result<()>;

    /// Leaves with these values, one for each entered module, in which the next [`Weights::logits`] are differentiable.
    fn leaves(&self, values: &[Tensor]) -> Result<Vec<Tensor>>;

    /// Logits of the `pieces` of `images`, one behind the other, with the weights that [`Weights::leaves`] gave.
    fn logits(&self, pieces: &[Piece], images: &[Tensor], leaves: &[Tensor]) -> Result<Tensor>;
}

/// Images of one batch.
pub struct Piece {
    /// The batch.
    pub at: usize,
    /// int64 rows of it; all when none.
    pub rows: Option<Tensor>,
}

/// The rows of the pieces in one tensor, where `batch` gives the tensor of each batch.
pub fn together<'a>(pieces: &[Piece], batch: impl Fn(usize) -> &'a Tensor) -> Result<Tensor> {
    let pick = |Piece { at, rows }: &Piece| match rows {
        Some(rows) => Ok(batch(*at).f_index_select(0, rows)?),
        None => Ok(batch(*at).shallow_clone()),
    };
    match pieces {
        [one] => pick(one),
        _ => Ok(Tensor::f_cat(&pieces.iter().map(pick).collect::<Result<Vec<_>>>()?, 0)?),
    }
}

/// The graph with batch norm folded; what lies before the first entered module is computed once. The plain path folds and
/// keeps nothing.
pub struct GraphWeights {
    folded: Executor,
    /// Whether activations are kept at all.
    caches: bool,
    device: Device,
    /// Bytes of kept activations beyond which they move to files, or on a GPU, which cannot read them there, are computed
    /// again.
    memory: u64,
    scales: HashMap<String, Tensor>,
    nodes: HashMap<String, NodeId>,
    prefix: Option<Vec<Values>>,
    cut: NodeId,
    modules: Vec<String>,
}

impl GraphWeights {
    /// Folds the network; activations in `kind`, of which `memory` bytes are kept in memory.
    pub fn new(network: &Network, kind: Kind, compute: &Compute, memory: u64) -> Result<Self> {
        let Folded { graph, state, scales } = if compute.fast.fold {
            passes::fold_batch_norm(&network.graph, &network.state)?
        } else {
            let state = network.state.iter().map(|(name, tensor)| (name.to_string(), tensor.shallow_clone())).collect();
            Folded { graph: network.graph.clone(), state, scales: HashMap::new() }
        };
        let format = Format { kind, channels_last: compute.fast.format.channels_last };
        let state = passes::convert(&state, Kind::Float, format.channels_last, compute.device)?;
        let scales = scales
            .into_iter()
            .map(|(name, scale)| Ok((name, scale.f_to_device(compute.device)?)))
            .collect::<Result<_>>()?;
        let nodes = graph.modules().into_iter().collect();
        let folded = Executor::bind(&graph, &state, format)?;
        let (caches, device) = (!compute.plain, compute.device);
        Ok(Self { folded, caches, device, memory, scales, nodes, prefix: None, cut: 0, modules: Vec::new() })
    }

    /// Weights as the folded graph uses them.
    fn effective(&self, weights: &[Tensor]) -> Result<HashMap<NodeId, Tensor>> {
        self.modules
            .iter()
            .zip(weights)
            .map(|(module, weight)| {
                let effective = match self.scales.get(&format!("{module}.weight")) {
                    Some(scale) => weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?,
                    None => weight.shallow_clone(),
                };
                Ok((self.nodes[module], effective))
            })
            .collect()
    }

    /// Bytes that the prefix at `cut` holds for one image, measured on one.
    fn bytes_per_image(&self, cut: NodeId, images: &[Tensor]) -> Result<u64> {
        let _guard = tch::no_grad_guard();
        let one = images[0].f_narrow(0, 0, 1)?;
        let values = self.folded.advance(&one, Values::new(), 0, cut)?;
        Ok(values.values().map(bytes).sum())
    }
}

impl Weights for GraphWeights {
    fn enter(&mut self, modules: &[String], images: &[Tensor], control: &Control) -> Result<()> {
        let cut = modules.iter().map(|module| self.nodes[module]).min().unwrap_or(0);
        let count: i64 = images.iter().map(|batch| batch.size()[0]).sum();
        let is_large = count as u64 * self.bytes_per_image(cut, images)? > self.memory;
        let spills = is_large && self.device == Device::Cpu;
        let old = self.prefix.take().filter(|_| self.cut <= cut);
        if self.caches && cut > 0 && (spills || !is_large) {
            let from = if old.is_some() { self.cut } else { 0 };
            let mut old = old.unwrap_or_else(|| images.iter().map(|_| Values::new()).collect());
            let _guard = tch::no_grad_guard();
            for (images, values) in images.iter().zip(&mut old) {
                control.check()?;
                *values = self.folded.advance(images, std::mem::take(values), from, cut)?;
                if spills {
                    for value in values.values_mut() {
                        *value = in_file(value)?;
                    }
                }
            }
            self.prefix = Some(old);
        }
        self.cut = cut;
        self.modules = modules.to_vec();
        Ok(())
    }

    fn leaves(&self, values: &[Tensor]) -> Result<Vec<Tensor>> {
        values.iter().map(|weight| Ok(weight.f_detach()?.f_set_requires_grad(true)?)).collect()
    }

    fn logits(&self, pieces: &[Piece], images: &[Tensor], leaves: &[Tensor]) -> Result<Tensor> {
        let weights = self.effective(leaves)?;
        let values: Values = match &self.prefix {
            Some(prefix) if self.cut > 0 => {
                let ids = pieces.first().map(|piece| prefix[piece.at].keys()).into_iter().flatten();
                ids.map(|id| Ok((*id, together(pieces, |at| &prefix[at][id])?))).collect::<Result<_>>()?
            }
            _ => {
                let images = together(pieces, |at| &images[at])?;
                tch::no_grad(|| self.folded.advance(&images, Values::new(), 0, self.cut.max(1)))?
            }
        };
        self.folded.suffix(&values, self.cut.max(1), &weights)
    }
}

/// A TorchScript program of its own: the given weights are written into it, and it is run as a whole.
pub struct ScriptWeights {
    network: Network,
    forward: Box<dyn Forward>,
    /// Entered weights: the program's own tensors, and their values before.
    entered: Vec<(Tensor, Tensor)>,
}

impl ScriptWeights {
    /// A copy of `network` on `device`.
    pub fn new(network: &Network, device: Device) -> Result<Self> {
        let mut network = network.copy()?;
        network.to_device(device)?;
        let forward = network.bind(Format::PLAIN)?;
        Ok(Self { network, forward, entered: Vec::new() })
    }
}

impl Weights for ScriptWeights {
    fn enter(&mut self, modules: &[String], _images: &[Tensor], _control: &Control) -> Result<()> {
        for (own, before) in self.entered.drain(..) {
            write(&own, &before)?;
            let _ = own.f_set_requires_grad(false)?;
        }
        for module in modules {
            let own = self.network.state.require(&self.network.weight_name(module))?;
            self.entered.push((own.shallow_clone(), own.f_detach_copy()?));
        }
        Ok(())
    }

    fn leaves(&self, values: &[Tensor]) -> Result<Vec<Tensor>> {
        self.entered
            .iter()
            .zip(values)
            .map(|((own, _), value)| {
                write(own, value)?;
                Ok(own.f_set_requires_grad(true)?)
            })
            .collect()
    }

    fn logits(&self, pieces: &[Piece], images: &[Tensor], _leaves: &[Tensor]) -> Result<Tensor> {
        self.forward.forward(&together(pieces, |at| &images[at])?, BatchNorm::Eval)
    }
}

fn write(own: &Tensor, value: &Tensor) -> Result<()> {
    Ok(tch::no_grad(|| own.shallow_clone().f_copy_(value))?)
}
