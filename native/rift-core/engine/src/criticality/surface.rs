//! The robust loss as a function of one module's weights: cached prefixes, losses, gradients.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::ball;
use super::units::Unit;
use crate::attack::loss::{cross_entropy, is_right};
use crate::compute::Compute;
use crate::control::Control;
use crate::data::adversarial::AdversarialSet;
use crate::error::{EngineError, Result};
use crate::evaluate;
use crate::net::exec::Values;
use crate::net::graph::NodeId;
use crate::net::passes::{self, Folded};
use crate::net::{Executor, Format, Network};
use crate::spec::{AscentMethod, CriticalitySpec};

/// Cached activations beyond this many bytes are computed again instead.
const CACHE_BYTES: u64 = 3 << 30;

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
    folded: Executor,
    scales: HashMap<String, Tensor>,
    weights: HashMap<String, Tensor>,
    nodes: HashMap<String, NodeId>,
    images: Vec<Tensor>,
    labels: Vec<Tensor>,
    order: Vec<Tensor>,
    prefix: Option<Vec<Values>>,
    cut: NodeId,
    modules: Vec<String>,
}

impl Surface {
    /// Folds the network and lays the adversarial set out in batches.
    pub fn new(network: &Network, set: &AdversarialSet, spec: &CriticalitySpec, compute: &Compute) -> Result<Self> {
        if set.adv.size()[2] != network.manifest.input_size {
            let rule = format!("must be {} pixels wide, the network's input", network.manifest.input_size);
            return Err(EngineError::invalid("adversarialSet", format!("{:?}", set.adv.size()), rule));
        }
        let Folded { graph, state, scales } = passes::fold_batch_norm(&network.graph, &network.state)?;
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
        let batch = i64::from(spec.batch_size).min(count);
        let (mut images, mut labels, mut order) = (Vec::new(), Vec::new(), Vec::new());
        let mut at = 0;
        while at < count {
            let take = batch.min(count - at);
            images.push(set.adv.f_narrow(0, at, take)?.f_to_device(compute.device)?);
            labels.push(set.y.f_narrow(0, at, take)?.f_to_device(compute.device)?);
            order.push(Tensor::f_arange_start(at, at + take, (Kind::Int64, compute.device))?);
            at += take;
        }
        Ok(Self {
            folded: Executor::bind(&graph, &state, format)?,
            scales,
            weights,
            nodes,
            images,
            labels,
            order,
            prefix: None,
            cut: 0,
            modules: Vec::new(),
        })
    }

    /// Number of images.
    pub fn count(&self) -> i64 {
        self.labels.iter().map(|labels| labels.size()[0]).sum()
    }

    /// Whether one mini-batch holds the whole set.
    pub fn is_one_batch(&self) -> bool {
        self.images.len() == 1
    }

    /// Loss and judgement of the network as it is.
    pub fn base(&mut self, control: &Control) -> Result<Judged> {
        self.cut = 0;
        self.modules.clear();
        self.judge(&[], control)
    }

    /// Makes `unit` the perturbed one, moving the shared prefix forward to it. Returns the full gradient there.
    pub fn enter(&mut self, unit: &Unit, control: &Control) -> Result<Vec<Tensor>> {
        let cut = unit.modules.iter().map(|module| self.nodes[module]).min().unwrap_or(0);
        let bytes = self.count() as u64 * self.bytes_per_image(cut)?;
        let old = self.prefix.take().filter(|_| self.cut <= cut);
        if bytes <= CACHE_BYTES {
            let from = if old.is_some() { self.cut } else { 0 };
            let mut old = old.unwrap_or_else(|| self.images.iter().map(|_| Values::new()).collect());
            let _guard = tch::no_grad_guard();
            for (images, values) in self.images.iter().zip(&mut old) {
                control.check()?;
                *values = self.folded.advance(images, std::mem::take(values), from, cut)?;
            }
            self.prefix = Some(old);
        }
        self.cut = cut;
        self.modules.clone_from(&unit.modules);
        self.gradient(&self.zero()?, control).map(|(gradient, _)| gradient)
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
        let _guard = tch::no_grad_guard();
        let weights = self.effective(&self.moved(change)?)?;
        let (mut losses, mut right) = (Vec::new(), Vec::new());
        for at in 0..self.images.len() {
            control.check()?;
            let logits = self.logits(at, None, &weights)?;
            losses.extend(evaluate::floats(&cross_entropy(&logits, &self.labels[at])?)?);
            right.extend(evaluate::bytes(&is_right(&logits, &self.labels[at])?)?);
        }
        Ok(Judged { losses, right })
    }

    /// Gradient of the mean loss over the whole set with respect to each module's weight, and the judgement on the way.
    pub fn gradient(&self, change: &[Tensor], control: &Control) -> Result<(Vec<Tensor>, Judged)> {
        let mut total = self.zero()?;
        let (mut losses, mut right) = (Vec::new(), Vec::new());
        for at in 0..self.images.len() {
            control.check()?;
            let (gradients, logits) = self.backward(at, None, change)?;
            for (sum, gradient) in total.iter_mut().zip(&gradients) {
                let _ = sum.f_add_(gradient)?;
            }
            losses.extend(evaluate::floats(&cross_entropy(&logits, &self.labels[at])?)?);
            right.extend(evaluate::bytes(&is_right(&logits, &self.labels[at])?)?);
        }
        for sum in &mut total {
            let _ = sum.f_div_scalar_(self.count() as f64)?;
        }
        Ok((total, Judged { losses, right }))
    }

    /// Gradient of the mean loss over the images `rows` of the whole set.
    pub fn batch_gradient(&self, rows: &[i64], change: &[Tensor]) -> Result<Vec<Tensor>> {
        let rows = Tensor::f_from_slice(rows)?.f_to_device(self.labels[0].device())?;
        let mut total = self.zero()?;
        for at in 0..self.images.len() {
            // Rows of this cached batch, in its own numbering.
            let first = i64::try_from(&self.order[at].f_get(0)?)?;
            let local = rows.f_sub_scalar(first)?;
            let inside = local.f_ge(0)?.f_logical_and(&local.f_lt(self.labels[at].size()[0])?)?;
            let local = local.f_masked_select(&inside)?;
            if local.numel() == 0 {
                continue;
            }
            let (gradients, _) = self.backward(at, Some(&local), change)?;
            for (sum, gradient) in total.iter_mut().zip(&gradients) {
                let _ = sum.f_add_(gradient)?;
            }
        }
        for sum in &mut total {
            let _ = sum.f_div_scalar_(rows.numel() as f64)?;
        }
        Ok(total)
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

    /// Gradients of the summed loss over (rows of) cached batch `at`, and the logits.
    fn backward(&self, at: usize, rows: Option<&Tensor>, change: &[Tensor]) -> Result<(Vec<Tensor>, Tensor)> {
        let moved = self
            .moved(change)?
            .into_iter()
            .map(|weight| Ok(weight.f_detach()?.f_set_requires_grad(true)?))
            .collect::<Result<Vec<Tensor>>>()?;
        let logits = self.logits(at, rows, &self.effective(&moved)?)?;
        let labels = match rows {
            Some(rows) => self.labels[at].f_index_select(0, rows)?,
            None => self.labels[at].shallow_clone(),
        };
        let loss = cross_entropy(&logits, &labels)?.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[loss], &moved, false, false)?;
        Ok((gradients, logits.f_detach()?))
    }

    fn moved(&self, change: &[Tensor]) -> Result<Vec<Tensor>> {
        self.modules.iter().zip(change).map(|(module, change)| Ok(self.weights[module].f_add(change)?)).collect()
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

    fn logits(&self, at: usize, rows: Option<&Tensor>, weights: &HashMap<NodeId, Tensor>) -> Result<Tensor> {
        let pick = |tensor: &Tensor| -> Result<Tensor> {
            Ok(match rows {
                Some(rows) => tensor.f_index_select(0, rows)?,
                None => tensor.shallow_clone(),
            })
        };
        let values: Values = match &self.prefix {
            Some(prefix) if self.cut > 0 => {
                prefix[at].iter().map(|(id, value)| Ok((*id, pick(value)?))).collect::<Result<_>>()?
            }
            _ => tch::no_grad(|| self.folded.advance(&pick(&self.images[at])?, Values::new(), 0, self.cut.max(1)))?,
        };
        self.folded.suffix(&values, self.cut.max(1), weights)
    }

    /// Bytes that the prefix at `cut` holds for one image, measured on one.
    fn bytes_per_image(&self, cut: NodeId) -> Result<u64> {
        let _guard = tch::no_grad_guard();
        let one = self.images[0].f_narrow(0, 0, 1)?;
        let values = self.folded.advance(&one, Values::new(), 0, cut)?;
        Ok(values.values().map(|value| (value.numel() * value.kind().elt_size_in_bytes()) as u64).sum())
    }
}
