//! The robust loss as a function of one module's weights: cached prefixes, losses, gradients. The images are spread over
//! lanes, each with its own share of them.

use std::collections::HashMap;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::ball;
use super::share::{Climbed, Look, Seen, Share};
use super::units::Unit;
use crate::compute::Compute;
use crate::control::Control;
use crate::data::adversarial::AdversarialSet;
use crate::error::{EngineError, Result};
use crate::lanes::{self, spans};
use crate::net::graph::NodeId;
use crate::net::passes::{self, Folded};
use crate::net::{Executor, Format, LaneModel, Network};
use crate::spec::{AscentMethod, CriticalitySpec};

/// Images that a lane computes at once.
const AT_ONCE: i64 = 128;

/// Loss and judgement of every image.
pub struct Judged {
    losses: Vec<f32>,
    right: Vec<u8>,
}

impl Judged {
    /// Mean cross-entropy.
    pub fn mean_loss(&self) -> f64 {
        self.losses.iter().map(|loss| f64::from(*loss)).sum::<f64>() / self.losses.len() as f64
    }

    /// Share of images classified right.
    pub fn accuracy(&self) -> f64 {
        self.right.iter().map(|right| f64::from(*right)).sum::<f64>() / self.right.len() as f64
    }

    /// Standard error of the mean loss difference from `base` over images.
    pub fn standard_error_from(&self, base: &Self) -> f64 {
        let count = self.losses.len() as f64;
        let gaps: Vec<f64> = self.losses.iter().zip(&base.losses).map(|(a, b)| f64::from(*a) - f64::from(*b)).collect();
        let mean = gaps.iter().sum::<f64>() / count;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        (variance / count).sqrt()
    }
}

/// The robust loss over a unit's weights. Changes are one tensor per module of the unit.
pub struct Surface {
    shares: Vec<Share>,
    count: i64,
    is_one_batch: bool,
    /// Whether prefixes are kept at all.
    caches: bool,
    /// Bytes of them beyond which they move to files.
    memory: u64,
    scales: HashMap<String, Tensor>,
    weights: HashMap<String, Tensor>,
    nodes: HashMap<String, NodeId>,
    cut: NodeId,
    modules: Vec<String>,
}

impl Surface {
    /// Folds the network and spreads the adversarial set over the lanes.
    pub fn new(network: &Network, set: &AdversarialSet, spec: &CriticalitySpec, compute: &Compute) -> Result<Self> {
        if set.adv.size()[2] != network.manifest.input_size {
            let rule = format!("must be {} pixels wide, the network's input", network.manifest.input_size);
            return Err(EngineError::invalid("adversarialSet", format!("{:?}", set.adv.size()), rule));
        }
        let Folded { graph, state, scales } = if compute.fast.fold {
            passes::fold_batch_norm(&network.graph, &network.state)?
        } else {
            let state = network.state.iter().map(|(name, tensor)| (name.to_string(), tensor.shallow_clone())).collect();
            Folded { graph: network.graph.clone(), state, scales: HashMap::new() }
        };
        // The SGD maximisers follow the published float32 trajectory; the bounded steps of the normalised gradient
        // only need a direction, and what they find is judged in float32.
        let kind = match spec.ascent {
            AscentMethod::NormalizedGradient => compute.fast.format.kind,
            AscentMethod::SgdEpoch | AscentMethod::SgdStop => Kind::Float,
        };
        let format = Format { kind, channels_last: compute.fast.format.channels_last };
        let state = passes::convert(&state, Kind::Float, format.channels_last, compute.device)?;
        let nodes: HashMap<String, NodeId> = graph.modules().into_iter().collect();
        let weights = nodes
            .keys()
            .map(|name| {
                let weight = network.state.require(&format!("{name}.weight"))?;
                Ok((name.clone(), weight.f_detach()?.f_to_device(compute.device)?))
            })
            .collect::<Result<_>>()?;
        let scales = scales
            .into_iter()
            .map(|(name, scale)| Ok((name, scale.f_to_device(compute.device)?)))
            .collect::<Result<_>>()?;
        let count = set.adv.size()[0];
        let (images, labels) = (set.adv.f_to_device(compute.device)?, set.y.f_to_device(compute.device)?);
        let shares = spans(count, compute.fast.lanes)
            .into_iter()
            .map(|(first, rows)| {
                let model = LaneModel::new(Executor::bind(&graph, &state, format)?);
                Share::new(model, &images, &labels, first, rows, AT_ONCE)
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            shares,
            count,
            is_one_batch: count <= i64::from(spec.batch_size),
            caches: !compute.plain,
            // A file is no place for what a GPU reads.
            memory: if compute.device == Device::Cpu { compute.memory } else { u64::MAX },
            scales,
            weights,
            nodes,
            cut: 0,
            modules: Vec::new(),
        })
    }

    /// Number of images.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// Whether one mini-batch holds the whole set.
    pub fn is_one_batch(&self) -> bool {
        self.is_one_batch
    }

    /// Loss and judgement of the network as it is.
    pub fn base(&mut self, control: &Control) -> Result<Judged> {
        self.cut = 0;
        self.modules.clear();
        self.judge(&[], control)
    }

    /// Makes `unit` the perturbed one, moving the shared prefix forward to it.
    pub fn enter(&mut self, unit: &Unit, control: &Control) -> Result<()> {
        control.check()?;
        let cut = unit.modules.iter().map(|module| self.nodes[module]).min().unwrap_or(0);
        if self.cut > cut {
            self.shares.iter_mut().for_each(Share::forget);
        }
        if self.caches {
            let from = self.cut;
            let spills = self.count as u64 * self.shares[0].bytes_per_image(cut)? > self.memory;
            let parts = self.shares.drain(..).map(|share| move || share.advance(from, cut, spills)).collect();
            self.shares = lanes::run(parts)?;
        }
        self.cut = cut;
        self.modules.clone_from(&unit.modules);
        Ok(())
    }

    /// No change.
    pub fn zero(&self) -> Result<Vec<Tensor>> {
        self.modules.iter().map(|module| Ok(self.weights[module].f_zeros_like()?)).collect()
    }

    /// Weights of the entered unit before any change.
    pub fn originals(&self) -> Vec<&Tensor> {
        self.modules.iter().map(|module| &self.weights[module]).collect()
    }

    /// Loss and judgement of every image under `change`, in the executor's format.
    pub fn judge(&self, change: &[Tensor], control: &Control) -> Result<Judged> {
        let seen = self.look(change, Climbed::Nothing, true, control)?;
        Ok(Judged { losses: seen.losses, right: seen.right })
    }

    /// Gradient of the mean loss over the whole set with respect to each module's weight, and the judgement on the way.
    pub fn gradient(&self, change: &[Tensor], control: &Control) -> Result<(Vec<Tensor>, Judged)> {
        let mut seen = self.look(change, Climbed::Everything, true, control)?;
        let gradients = self.mean(std::mem::take(&mut seen.gradients), self.count)?;
        Ok((gradients, Judged { losses: seen.losses, right: seen.right }))
    }

    /// Gradient of the mean loss over the images `rows` of the whole set.
    pub fn batch_gradient(&self, rows: &[i64], change: &[Tensor], control: &Control) -> Result<Vec<Tensor>> {
        let seen = self.look(change, self.climbed(rows), false, control)?;
        self.mean(seen.gradients, rows.len() as i64)
    }

    /// [`Surface::batch_gradient`], and the judgement of the whole set, part of which is met on the way.
    pub fn batch_gradient_judged(
        &self, rows: &[i64], change: &[Tensor], control: &Control,
    ) -> Result<(Vec<Tensor>, Judged)> {
        let mut seen = self.look(change, self.climbed(rows), true, control)?;
        let gradients = self.mean(std::mem::take(&mut seen.gradients), rows.len() as i64)?;
        Ok((gradients, Judged { losses: seen.losses, right: seen.right }))
    }

    /// Dual norm of the gradient times the radius, for each module of the unit: its first-order rise.
    pub fn first_orders(&self, gradient: &[Tensor], spec: &CriticalitySpec) -> Result<Vec<f64>> {
        let pairs = self.originals().into_iter().zip(gradient);
        pairs
            .map(|(original, gradient)| {
                let radius = spec.weight_epsilon * ball::size(spec.weight_norm, original)?;
                Ok(radius * ball::size(ball::dual(spec.weight_norm), gradient)?)
            })
            .collect()
    }

    fn climbed(&self, rows: &[i64]) -> Climbed {
        let mut wanted = vec![false; self.count as usize];
        rows.iter().for_each(|row| wanted[*row as usize] = true);
        Climbed::Rows(Arc::new(wanted))
    }

    fn look(&self, change: &[Tensor], climbed: Climbed, judges_rest: bool, control: &Control) -> Result<Seen> {
        control.check()?;
        let weights = tch::no_grad(|| {
            self.modules
                .iter()
                .zip(change)
                .map(|(module, change)| {
                    let moved = self.weights[module].f_add(change)?;
                    Ok((self.nodes[module], self.scaled(module, &moved)?))
                })
                .collect::<Result<Vec<_>>>()
        })?;
        let look = Look { cut: self.cut, weights, climbed, judges_rest };
        let parts = self
            .shares
            .iter()
            .map(|share| {
                let (share, look) = (share.again(), look.again());
                move || share.look(&look)
            })
            .collect();
        let mut all = Seen::default();
        for seen in lanes::run(parts)? {
            all.append(seen)?;
        }
        Ok(all)
    }

    /// A weight as the folded graph uses it; and, the map being linear, its gradient as that of the network's own weight.
    fn scaled(&self, module: &str, weight: &Tensor) -> Result<Tensor> {
        Ok(match self.scales.get(&format!("{module}.weight")) {
            Some(scale) => weight.f_mul(&scale.f_view([-1, 1, 1, 1])?)?,
            None => weight.shallow_clone(),
        })
    }

    /// Gradients with respect to the network's own weights of the mean over `count` images, from those of the sum with
    /// respect to the folded ones.
    fn mean(&self, sums: Vec<Tensor>, count: i64) -> Result<Vec<Tensor>> {
        let pairs = self.modules.iter().zip(sums);
        pairs.map(|(module, sum)| Ok(self.scaled(module, &sum)?.f_divide_scalar(count as f64)?)).collect()
    }
}
