//! What is perturbed together: single modules, residual blocks or named groups.

use crate::error::{EngineError, Result};
use crate::net::Network;
use crate::spec::{CriticalitySpec, ModuleGroup, ModuleGrouping};

/// Modules perturbed together.
pub struct Unit {
    /// Name of the module, block or group.
    pub name: String,
    /// Its modules in forward order.
    pub modules: Vec<String>,
}

/// What is perturbed together, in forward order.
pub fn units(network: &Network, spec: &CriticalitySpec) -> Result<Vec<Unit>> {
    let modules = network.module_names();
    if spec.grouping == ModuleGrouping::Named {
        return spec.groups.iter().map(|group| named(group, &modules)).collect();
    }
    let mut units: Vec<Unit> = Vec::new();
    for module in &modules {
        let name = if spec.grouping == ModuleGrouping::Block { block_of(module) } else { module.clone() };
        match units.iter_mut().find(|unit| unit.name == name) {
            Some(unit) => unit.modules.push(module.clone()),
            None => units.push(Unit { name, modules: vec![module.clone()] }),
        }
    }
    if spec.modules.is_empty() {
        return Ok(units);
    }
    let known: Vec<String> = units.iter().map(|unit| unit.name.clone()).collect();
    for name in &spec.modules {
        if !known.contains(name) {
            return Err(EngineError::unknown("module", name, &known));
        }
    }
    Ok(units.into_iter().filter(|unit| spec.modules.contains(&unit.name)).collect())
}

fn named(group: &ModuleGroup, known: &[String]) -> Result<Unit> {
    if let Some(name) = group.modules.iter().find(|name| !known.contains(name)) {
        return Err(EngineError::unknown("module", name, known));
    }
    let modules = known.iter().filter(|name| group.modules.contains(name)).cloned().collect();
    Ok(Unit { name: group.name.clone(), modules })
}

/// The residual block a module belongs to (`layer2.1`, `block1.layer.3`), or the module itself.
fn block_of(module: &str) -> String {
    let parts: Vec<&str> = module.split('.').collect();
    match parts.iter().rposition(|part| part.parse::<u32>().is_ok()) {
        Some(at) if parts[at.saturating_sub(1)] == "shortcut" => parts[..at - 1].join("."),
        Some(at) => parts[..=at].join("."),
        None => module.to_string(),
    }
}
