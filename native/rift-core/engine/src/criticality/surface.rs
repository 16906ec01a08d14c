//! The robust loss as a function of one module's weights: losses and gradients. The images are spread over lanes, each with
//! its own share of them.

use std::collections::HashMap;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::ball;
use super::share::{Look, Shares, Which};
use super::units::Unit;
use super::weights::{GraphWeights, ScriptWeights, Weights};
use crate::compute::Compute;
use crate::control::Control;
use crate::data::adversarial::AdversarialSet;
use crate::error::{EngineError, Result};
use crate::lanes::{quiet, Quiet};
use crate::net::Network;
use crate::spec::CriticalitySpec;

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

    /// Mean cross-entropy of the images `rows`.
    fn mean_loss_of(&self, rows: &[i64]) -> f64 {
        rows.iter().map(|row| f64::from(self.losses[*row as usize])).sum::<f64>() / rows.len() as f64
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
    shares: Shares,
    /// The same in float32 where `shares` compute in half precision: small rises would drown in its rounding.
    judge: Option<Shares>,
    weights: HashMap<String, Tensor>,
    count: i64,
    classes: i64,
    is_one_batch: bool,
    modules: Vec<String>,
    _quiet: Quiet,
}

impl Surface {
    /// Spreads the adversarial set over the lanes.
    pub fn new(network: &Network, set: &AdversarialSet, spec: &CriticalitySpec, compute: &Compute) -> Result<Self> {
        if set.adv.size()[2] != network.manifest.input_size {
            let rule = format!("must be {} pixels wide, the network's input", network.manifest.input_size);
            return Err(EngineError::invalid("adversarialSet", format!("{:?}", set.adv.size()), rule));
        }
        let (images, labels) = (set.adv.f_to_device(compute.device)?, set.y.f_to_device(compute.device)?);
        let spread = |networks| Shares::new(networks, &images, &labels, AT_ONCE);
        // Half precision is good enough for a direction: what it leads to is judged in float32.
        let kind = compute.fast.format.kind;
        let (shares, judge) = if network.script().is_some() {
            (spread(vec![Box::new(ScriptWeights::new(network, compute.device)?)])?, None)
        } else if kind == Kind::Float {
            (spread(graphs(network, kind, compute, compute.memory)?)?, None)
        } else {
            let graphs = |kind| graphs(network, kind, compute, compute.memory / 2);
            (spread(graphs(kind)?)?, Some(spread(graphs(Kind::Float)?)?))
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
        let is_one_batch = count <= i64::from(spec.batch_size);
        let classes = network.manifest.classes;
        let modules = Vec::new();
        Ok(Self { _quiet: quiet(shares.lanes()), shares, judge, weights, count, classes, is_one_batch, modules })
    }

    /// Number of images.
    pub fn count(&self) -> i64 {
        self.count
    }

    /// Number of classes.
    pub fn classes(&self) -> i64 {
        self.classes
    }

    /// Whether one mini-batch holds the whole set.
    pub fn is_one_batch(&self) -> bool {
        self.is_one_batch
    }

    /// Loss and judgement of the network as it is.
    pub fn base(&mut self, control: &Control) -> Result<Judged> {
        self.move_to(&[], control)?;
        self.judge(&[], control)
    }

    /// Makes `unit` the perturbed one.
    pub fn enter(&mut self, unit: &Unit, control: &Control) -> Result<()> {
        self.move_to(&unit.modules, control)
    }

    fn move_to(&mut self, modules: &[String], control: &Control) -> Result<()> {
        for shares in std::iter::once(&self.shares).chain(&self.judge) {
            shares.enter(modules, control)?;
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
        let shares = self.judge.as_ref().unwrap_or(&self.shares);
        Ok(look(shares, self.asked(change, Which::Nothing, Which::Everything)?, control)?.1)
    }

    /// The judgement of `change` in float32, which is `seen`, that of the search, where that computes in float32.
    pub fn confirm(&self, change: &[Tensor], seen: Judged, control: &Control) -> Result<Judged> {
        match &self.judge {
            Some(_) => self.judge(change, control),
            None => Ok(seen),
        }
    }

    /// Loss and judgement of every image under `change`, as the search sees them.
    pub fn glance(&self, change: &[Tensor], control: &Control) -> Result<Judged> {
        Ok(look(&self.shares, self.asked(change, Which::Nothing, Which::Everything)?, control)?.1)
    }

    /// Mean loss over the images `rows` of the whole set under `change`, as the search sees it.
    pub fn part_glance(&self, rows: &[i64], change: &[Tensor], control: &Control) -> Result<f64> {
        let (_, judged) = look(&self.shares, self.asked(change, Which::Nothing, self.only(rows))?, control)?;
        Ok(judged.mean_loss_of(rows))
    }

    /// Gradient of the mean loss over the whole set with respect to each module's weight, and the judgement on the way.
    pub fn gradient(&self, change: &[Tensor], control: &Control) -> Result<(Vec<Tensor>, Judged)> {
        let (sums, judged) = look(&self.shares, self.asked(change, Which::Everything, Which::Nothing)?, control)?;
        Ok((mean(sums, self.count)?, judged))
    }

    /// Gradient of the mean loss over the images `rows` of the whole set.
    pub fn batch_gradient(&self, rows: &[i64], change: &[Tensor], control: &Control) -> Result<Vec<Tensor>> {
        Ok(self.part_gradient(rows, change, control)?.1)
    }

    /// [`Surface::batch_gradient`], after the mean loss over these images.
    pub fn part_gradient(&self, rows: &[i64], change: &[Tensor], control: &Control) -> Result<(f64, Vec<Tensor>)> {
        let (sums, judged) = look(&self.shares, self.asked(change, self.only(rows), Which::Nothing)?, control)?;
        Ok((judged.mean_loss_of(rows), mean(sums, rows.len() as i64)?))
    }

    /// Gradient of the mean log-probability of `class` over the images `rows` of the whole set.
    pub fn gradient_towards(
        &self, class: i64, rows: &[i64], change: &[Tensor], control: &Control,
    ) -> Result<Vec<Tensor>> {
        let asked = Look { towards: Some(class), ..self.asked(change, self.only(rows), Which::Nothing)? };
        mean(look(&self.shares, asked, control)?.0, rows.len() as i64)
    }

    /// [`Surface::batch_gradient`], and the judgement of the whole set, part of which is met on the way.
    pub fn batch_gradient_judged(
        &self, rows: &[i64], change: &[Tensor], control: &Control,
    ) -> Result<(Vec<Tensor>, Judged)> {
        let (sums, judged) = look(&self.shares, self.asked(change, self.only(rows), Which::Everything)?, control)?;
        Ok((mean(sums, rows.len() as i64)?, judged))
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

    fn only(&self, rows: &[i64]) -> Which {
        let mut wanted = vec![false; self.count as usize];
        for row in rows {
            wanted[*row as usize] = true;
        }
        Which::Rows(Arc::new(wanted))
    }

    fn asked(&self, change: &[Tensor], climbed: Which, judged: Which) -> Result<Look> {
        let pairs = self.modules.iter().zip(change);
        let weights = pairs.map(|(module, change)| Ok(self.weights[module].f_add(change)?)).collect::<Result<_>>()?;
        Ok(Look { weights, climbed, towards: None, judged })
    }
}

/// Gradients of the summed loss of the climbed images, and the judgement of those looked at.
fn look(shares: &Shares, asked: Look, control: &Control) -> Result<(Vec<Tensor>, Judged)> {
    let seen = shares.look(&asked, control)?;
    Ok((seen.gradients, Judged { losses: seen.losses, right: seen.right }))
}

/// A network for each lane, whose caches together take at most `memory` bytes.
fn graphs(network: &Network, kind: Kind, compute: &Compute, memory: u64) -> Result<Vec<Box<dyn Weights>>> {
    let lanes = compute.fast.lanes.max(1);
    (0..lanes)
        .map(|_| Ok(Box::new(GraphWeights::new(network, kind, compute, memory / lanes as u64)?) as Box<dyn Weights>))
        .collect()
}

fn mean(mut sums: Vec<Tensor>, count: i64) -> Result<Vec<Tensor>> {
    for sum in &mut sums {
        let _ = sum.f_div_scalar_(count as f64)?;
    }
    Ok(sums)
}
