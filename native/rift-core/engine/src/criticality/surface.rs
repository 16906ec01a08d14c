//! The robust loss as a function of one module's weights: cached prefixes, losses, gradients.

use std::collections::HashMap;

use tch::{Kind, Tensor};

use super::ball;
use super::units::Unit;
use super::weights::{GraphWeights, ScriptWeights, Weights};
use crate::attack::loss::{cross_entropy, is_right};
use crate::compute::Compute;
use crate::control::Control;
use crate::data::adversarial::AdversarialSet;
use crate::error::{EngineError, Result};
use crate::evaluate;
use crate::net::Network;
use crate::spec::{AscentMethod, CriticalitySpec};

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
    network: Box<dyn Weights>,
    /// The same in float32 where `network` computes in half precision: small rises would drown in its rounding.
    judge: Option<Box<dyn Weights>>,
    weights: HashMap<String, Tensor>,
    images: Vec<Tensor>,
    labels: Vec<Tensor>,
    order: Vec<Tensor>,
    modules: Vec<String>,
}

impl Surface {
    /// Folds the network and lays the adversarial set out in batches.
    pub fn new(network: &Network, set: &AdversarialSet, spec: &CriticalitySpec, compute: &Compute) -> Result<Self> {
        if set.adv.size()[2] != network.manifest.input_size {
            let rule = format!("must be {} pixels wide, the network's input", network.manifest.input_size);
            return Err(EngineError::invalid("adversarialSet", format!("{:?}", set.adv.size()), rule));
        }
        // The SGD maximisers follow the published float32 trajectory; the bounded steps of the normalised gradient
        // only need a direction, and what they find is judged in float32.
        let kind = match spec.ascent {
            AscentMethod::NormalizedGradient => compute.fast.format.kind,
            AscentMethod::SgdEpoch | AscentMethod::SgdStop => Kind::Float,
        };
        let graph =
            |kind: Kind| -> Result<Box<dyn Weights>> { Ok(Box::new(GraphWeights::new(network, kind, compute)?)) };
        let (searched, judge) = if network.script().is_some() {
            (Box::new(ScriptWeights::new(network, compute.device)?) as Box<dyn Weights>, None)
        } else if kind == Kind::Float {
            (graph(kind)?, None)
        } else {
            (graph(kind)?, Some(graph(Kind::Float)?))
        };
        let weights = network
            .module_names()
            .into_iter()
            .map(|name| {
                let weight = network.state.require(&network.weight_name(&name))?;
                Ok((name, weight.f_detach()?.f_to_device(compute.device)?))
            })
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
        Ok(Self { network: searched, judge, weights, images, labels, order, modules: Vec::new() })
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
        self.move_to(&[], control)?;
        self.judge(&[], control)
    }

    /// Makes `unit` the perturbed one, moving the shared prefix forward to it. Returns the full gradient
    /// there and the loss as the search sees it.
    pub fn enter(&mut self, unit: &Unit, control: &Control) -> Result<(Vec<Tensor>, f64)> {
        self.move_to(&unit.modules, control)?;
        self.gradient(&self.zero()?, control).map(|(gradient, judged)| (gradient, judged.mean_loss()))
    }

    fn move_to(&mut self, modules: &[String], control: &Control) -> Result<()> {
        for network in std::iter::once(&mut self.network).chain(&mut self.judge) {
            network.enter(modules, &self.images, control)?;
        }
        self.modules = modules.to_vec();
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

    /// Loss and judgement of every image under `change`, in float32.
    pub fn judge(&self, change: &[Tensor], control: &Control) -> Result<Judged> {
        let _guard = tch::no_grad_guard();
        let network = self.judge.as_ref().unwrap_or(&self.network);
        let leaves = network.leaves(self.moved(change)?)?;
        let (mut losses, mut right) = (Vec::new(), Vec::new());
        for at in 0..self.images.len() {
            control.check()?;
            let logits = network.logits(at, None, &self.images, &leaves)?;
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
        let leaves = self.network.leaves(self.moved(change)?)?;
        let logits = self.network.logits(at, rows, &self.images, &leaves)?;
        let labels = match rows {
            Some(rows) => self.labels[at].f_index_select(0, rows)?,
            None => self.labels[at].shallow_clone(),
        };
        let loss = cross_entropy(&logits, &labels)?.f_sum(Kind::Float)?;
        let gradients = Tensor::f_run_backward(&[loss], &leaves, false, false)?;
        Ok((gradients, logits.f_detach()?))
    }

    fn moved(&self, change: &[Tensor]) -> Result<Vec<Tensor>> {
        self.modules.iter().zip(change).map(|(module, change)| Ok(self.weights[module].f_add(change)?)).collect()
    }
}
