//! Module robust criticality (paper equation 6, algorithm 1): the largest rise of the mean cross-entropy on a fixed
//! adversarial set for a weight change of one module within ε‖θ_i‖. The network is in evaluation mode throughout, so the
//! part before the module is computed once and shared by modules of rising depth.

mod ascent;
mod ball;
mod share;
mod surface;
mod tournament;
mod units;
mod weights;

use std::collections::HashMap;
use std::time::Instant;

use serde::Serialize;
use tch::Tensor;

use crate::compute::Compute;
use crate::control::{Control, Progress};
use crate::data::adversarial::AdversarialSet;
use crate::error::{EngineError, Result};
use crate::net::Network;
use crate::spec::CriticalitySpec;
use surface::{Judged, Surface};
use units::{units, Unit};

/// Criticality of one module or block.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleCriticality {
    /// Module or block.
    pub name: String,
    /// Largest rise of the mean cross-entropy, in nats.
    pub mrc: f64,
    /// Robust accuracy lost there, a fraction.
    pub robust_accuracy_drop: f64,
    /// Norm of the weight change over the norm of the weight there (the largest of a block's weights).
    pub perturbation_ratio: f64,
    /// Radius times dual norm of the gradient, summed over a block's weights; an estimate, never the MRC.
    pub first_order: f64,
    /// Standard error of the loss difference over images.
    pub standard_error: f64,
    /// Seconds spent.
    pub seconds: f64,
    /// Epochs whose loss was not finite; they never count.
    pub nan_epochs: u32,
    /// Modules perturbed together.
    pub modules: Vec<String>,
}

/// First-order estimate of one module's, block's or group's criticality; never reported as MRC.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModuleEstimate {
    /// Module, block or group.
    pub name: String,
    /// Radius times dual norm of the gradient, summed over the weights.
    pub first_order: f64,
    /// Modules it is of.
    pub modules: Vec<String>,
}

/// Criticality of all modules asked for.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Criticality {
    /// Mean cross-entropy before any change.
    pub base_loss: f64,
    /// Accuracy before any change.
    pub base_accuracy: f64,
    /// By rising MRC; empty where only estimates were asked for.
    pub modules: Vec<ModuleCriticality>,
    /// By rising estimate; empty unless asked for.
    pub estimates: Vec<ModuleEstimate>,
}

/// Measures every module that `spec` asks for on `set`.
pub fn measure(
    network: &Network, set: &AdversarialSet, spec: &CriticalitySpec, compute: &Compute, control: &Control,
) -> Result<Criticality> {
    spec.check()?;
    let units = units(network, spec)?;
    let mut surface = Surface::new(network, set, spec, compute)?;
    let base = surface.base(control)?;
    // One pass back through the whole network gives the slope of every module.
    let all = together(&units);
    surface.enter(&all, control)?;
    let (slopes, foot) = surface.gradient(&surface.zero()?, control)?;
    if spec.estimate_only {
        let estimates = estimate(&units, &all, surface.first_orders(&slopes, spec)?);
        return Ok(Criticality {
            base_loss: base.mean_loss(),
            base_accuracy: base.accuracy(),
            modules: vec![],
            estimates,
        });
    }
    let slopes: HashMap<&String, Tensor> = all.modules.iter().zip(slopes).collect();
    let mut measured = Vec::with_capacity(units.len());
    for (index, unit) in units.iter().enumerate() {
        let began = Instant::now();
        report(&units, index, &measured, control);
        surface.enter(unit, control)?;
        let slope = unit.modules.iter().map(|module| slopes[module].shallow_clone()).collect();
        let peak = ascent::maximise(&surface, spec, slope, foot.mean_loss(), control)?;
        measured.push(record(unit, &base, &peak, began.elapsed().as_secs_f64())?);
    }
    report(&units, units.len(), &measured, control);
    measured.sort_by(|a, b| a.mrc.total_cmp(&b.mrc).then_with(|| a.name.cmp(&b.name)));
    Ok(Criticality {
        base_loss: base.mean_loss(),
        base_accuracy: base.accuracy(),
        modules: measured,
        estimates: vec![],
    })
}

/// Every module of the units, once.
fn together(units: &[Unit]) -> Unit {
    let mut all = Unit { name: "all".into(), modules: vec![] };
    for module in units.iter().flat_map(|unit| &unit.modules) {
        if !all.modules.contains(module) {
            all.modules.push(module.clone());
        }
    }
    all
}

/// First-order rises of the units from those of `all` modules.
fn estimate(units: &[Unit], all: &Unit, rises: Vec<f64>) -> Vec<ModuleEstimate> {
    let rises: HashMap<&String, f64> = all.modules.iter().zip(rises).collect();
    let mut estimates: Vec<ModuleEstimate> = units
        .iter()
        .map(|unit| ModuleEstimate {
            name: unit.name.clone(),
            first_order: unit.modules.iter().map(|module| rises[module]).sum(),
            modules: unit.modules.clone(),
        })
        .collect();
    estimates.sort_by(|a, b| a.first_order.total_cmp(&b.first_order).then_with(|| a.name.cmp(&b.name)));
    estimates
}

fn record(unit: &Unit, base: &Judged, peak: &ascent::Peak, seconds: f64) -> Result<ModuleCriticality> {
    let judged = peak.judged.as_ref().ok_or_else(|| EngineError::Numeric {
        place: format!("the robust loss of module {} in every epoch", unit.name),
        detail: "lower learningRate, or measure with profile sound, whose steps are bounded".into(),
    })?;
    Ok(ModuleCriticality {
        name: unit.name.clone(),
        mrc: judged.mean_loss() - base.mean_loss(),
        robust_accuracy_drop: base.accuracy() - judged.accuracy(),
        perturbation_ratio: peak.ratio,
        first_order: peak.first_order,
        standard_error: judged.standard_error_from(base),
        seconds,
        nan_epochs: peak.nan_epochs,
        modules: unit.modules.clone(),
    })
}

fn report(units: &[Unit], index: usize, measured: &[ModuleCriticality], control: &Control) {
    let phase = units.get(index).map_or_else(|| "done".to_string(), |unit| format!("module {}", unit.name));
    let metrics = measured.iter().map(|module| (format!("mrc.{}", module.name), module.mrc)).collect();
    control.report(Progress { phase, done: index as u64, total: units.len() as u64, unit: "modules".into(), metrics });
}
