//! A network: architecture, weights and declared preprocessing.

use std::path::Path;
use std::sync::Arc;

use tch::{Device, Kind, Tensor};

use super::exec::{Executor, Format};
use super::forward::Forward;
use super::graph::Graph;
use super::initial::initial_tensor;
use super::script::{self, Loaded, Script};
use super::zoo::{self, Shape};
use crate::checkpoint::{read_network, write_network, NetworkManifest, StateDict};
use crate::error::{EngineError, Result};

/// Architecture, weights and declared preprocessing.
#[derive(Debug)]
pub struct Network {
    /// What is known about it.
    pub manifest: NetworkManifest,
    /// Operators and tensors; tensors alone where the network is a TorchScript program.
    pub graph: Graph,
    /// Parameters and buffers, float32 (counters int64), on the CPU, in the graph's order.
    pub state: StateDict,
    /// The program, where the network is one; its tensors are those of the state.
    script: Option<Script>,
}

impl Network {
    /// A network of the manifest's architecture with initial weights drawn from `seed` as PyTorch draws them by default.
    pub fn initial(manifest: NetworkManifest, seed: u64) -> Result<Self> {
        manifest.check()?;
        let graph = zoo::build(&manifest.arch, &shape_of(&manifest), &manifest.preprocess)?;
        let state = graph
            .tensors
            .iter()
            .map(|spec| Ok((spec.name.clone(), initial_tensor(spec, seed)?)))
            .collect::<Result<StateDict>>()?;
        Ok(Self { manifest, graph, state, script: None })
    }

    /// A network from named tensors. Missing, unexpected and misshapen names are all listed in one error on `path`.
    pub fn from_state(manifest: NetworkManifest, mut tensors: StateDict, path: &Path) -> Result<Self> {
        manifest.check()?;
        if manifest.arch == script::ARCHITECTURE {
            let program = tensors.remove(script::PROGRAM).ok_or_else(|| {
                EngineError::file(path, "holds no TorchScript program; import the file with --format torchscript")
            })?;
            let bytes = Vec::<u8>::try_from(&program.f_to_kind(Kind::Uint8)?.f_flatten(0, -1)?)?;
            let network = Self::from_program(manifest, bytes, path)?;
            network.fill(&tensors, path)?;
            return Ok(network);
        }
        let graph = zoo::build(&manifest.arch, &shape_of(&manifest), &manifest.preprocess)?;
        let mut state = StateDict::new();
        let mut complaints = Vec::new();
        for spec in &graph.tensors {
            match tensors.remove(&spec.name) {
                Some(tensor) if tensor.size() == spec.shape => {
                    let kind = if spec.name.ends_with("num_batches_tracked") { Kind::Int64 } else { Kind::Float };
                    state.insert(&spec.name, tensor.f_to_kind(kind)?.f_contiguous()?);
                }
                Some(tensor) => {
                    complaints.push(format!("{} has shape {:?}, expected {:?}", spec.name, tensor.size(), spec.shape));
                }
                // Checkpoints from before PyTorch 0.4.1 have no step counter.
                None if spec.name.ends_with("num_batches_tracked") => {
                    state.insert(&spec.name, Tensor::f_zeros([] as [i64; 0], (Kind::Int64, Device::Cpu))?);
                }
                None => complaints.push(format!("{} is missing", spec.name)),
            }
        }
        complaints.extend(tensors.names().map(|name| format!("{name} is not part of the architecture")));
        if !complaints.is_empty() {
            let shown = complaints.iter().take(4).cloned().collect::<Vec<_>>().join("; ");
            let more = complaints.len().saturating_sub(4);
            let tail = if more > 0 { format!("; and {more} more") } else { String::new() };
            return Err(EngineError::file(path, format!(
                "does not fit {} of width {} with {} classes and {}-pixel input: {shown}{tail}; check --arch, --width, --classes",
                manifest.arch, manifest.width, manifest.classes, manifest.input_size
            )));
        }
        state.check_finite(path)?;
        Ok(Self { manifest, graph, state, script: None })
    }

    /// A network that is the TorchScript program in `bytes`.
    pub fn from_program(manifest: NetworkManifest, bytes: Vec<u8>, path: &Path) -> Result<Self> {
        manifest.check()?;
        let Loaded { script, graph, state } = Script::load(Arc::new(bytes), &manifest, path)?;
        script.check_shape(&manifest, path)?;
        state.check_finite(path)?;
        Ok(Self { manifest, graph, state, script: Some(script) })
    }

    /// Reads a network artifact.
    pub fn read(path: &Path) -> Result<Self> {
        let (tensors, manifest) = read_network(path)?;
        Self::from_state(manifest, tensors, path)
    }

    /// Writes a network artifact, atomically.
    pub fn write(&self, path: &Path) -> Result<()> {
        let Some(script) = &self.script else { return write_network(path, &self.state, &self.manifest) };
        let mut tensors: StateDict =
            self.state.iter().map(|(name, tensor)| (name.to_string(), tensor.shallow_clone())).collect();
        tensors.insert(script::PROGRAM, Tensor::f_from_slice(script.bytes())?);
        write_network(path, &tensors, &self.manifest)
    }

    /// The program, where the network is one.
    pub fn script(&self) -> Option<&Script> {
        self.script.as_ref()
    }

    /// The same network in storage of its own.
    pub fn copy(&self) -> Result<Self> {
        self.with_state(self.state.deep_copy()?)
    }

    /// A network of the same structure with these tensors.
    pub fn with_state(&self, state: StateDict) -> Result<Self> {
        let mut other = match &self.script {
            None => Self {
                manifest: self.manifest.clone(),
                graph: self.graph.clone(),
                state: StateDict::new(),
                script: None,
            },
            Some(script) => {
                let place = Path::new("TorchScript network");
                let Loaded { script, graph, state } = Script::load(Arc::clone(script.bytes()), &self.manifest, place)?;
                Self { manifest: self.manifest.clone(), graph, state, script: Some(script) }
            }
        };
        other.restore(state)?;
        Ok(other)
    }

    /// Makes these the network's tensors, on the devices where they are.
    pub fn restore(&mut self, state: StateDict) -> Result<()> {
        if let Some(script) = &self.script {
            let device = state.iter().next().map_or(Device::Cpu, |(_, tensor)| tensor.device());
            script.to_device(device)?;
            return self.fill(&state, Path::new("state of the network"));
        }
        self.state = state;
        Ok(())
    }

    /// Moves the network's tensors to `device`.
    pub fn to_device(&mut self, device: Device) -> Result<()> {
        if let Some(script) = &self.script {
            return script.to_device(device);
        }
        let state = std::mem::take(&mut self.state);
        self.state = state
            .into_iter()
            .map(|(name, tensor)| Ok((name, tensor.f_to_device(device)?)))
            .collect::<Result<StateDict>>()?;
        Ok(())
    }

    /// Writes `tensors` into those of the program, which must have the same names and shapes.
    fn fill(&self, tensors: &StateDict, path: &Path) -> Result<()> {
        let _guard = tch::no_grad_guard();
        for (name, own) in self.state.iter() {
            match tensors.get(name) {
                Some(tensor) if tensor.size() == own.size() => own.shallow_clone().f_copy_(tensor)?,
                _ => {
                    return Err(EngineError::file(
                        path,
                        format!("{name} of the program is missing or of another shape"),
                    ))
                }
            }
        }
        Ok(())
    }

    /// The network bound for training: it computes with the tensors of its state as they move. A graph reads them in `format`.
    pub fn bind(&self, format: Format) -> Result<Box<dyn Forward>> {
        Ok(match &self.script {
            Some(script) => Box::new(script.clone()),
            None => Box::new(Executor::bind(&self.graph, &self.state, format)?),
        })
    }

    /// Names of the modules in forward order.
    pub fn module_names(&self) -> Vec<String> {
        if self.script.is_none() {
            return self.graph.modules().into_iter().map(|(name, _)| name).collect();
        }
        let weights = self.graph.tensors.iter().filter(|spec| spec.trainable && spec.shape.len() > 1);
        weights.map(|spec| spec.name.strip_suffix(".weight").unwrap_or(&spec.name).to_string()).collect()
    }

    /// Name of a module's weight: the module's own name where a program's parameter is not called `weight`.
    pub fn weight_name(&self, module: &str) -> String {
        let name = format!("{module}.weight");
        if self.state.get(&name).is_none() && self.state.get(module).is_some() {
            module.to_string()
        } else {
            name
        }
    }

    /// Refuses a module name that the network does not have, suggesting the nearest.
    pub fn check_module(&self, name: &str) -> Result<()> {
        let known = self.module_names();
        if known.iter().any(|module| module == name) {
            Ok(())
        } else {
            Err(EngineError::unknown("module", name, &known))
        }
    }

    /// Number of trainable values.
    pub fn parameters(&self) -> i64 {
        self.graph.tensors.iter().filter(|spec| spec.trainable).map(|spec| spec.shape.iter().product::<i64>()).sum()
    }
}

fn shape_of(manifest: &NetworkManifest) -> Shape {
    Shape { width: manifest.width, classes: manifest.classes, input_size: manifest.input_size }
}
