//! A network: architecture, weights and declared preprocessing; and the fast plans compiled from it.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;
use rand_distr::{Distribution, Normal, Uniform};
use tch::{Device, Kind, Tensor};

use super::exec::{BatchNorm, Executor, Format};
use super::graph::{Graph, Init, TensorSpec};
use super::passes;
use super::zoo::{self, Shape};
use crate::checkpoint::{read_network, write_network, NetworkManifest, StateDict};
use crate::error::{EngineError, Result};
use crate::lanes::{self, spans};
use crate::rng;

/// Anything that gives class scores for images: what attacks and evaluation need of a network.
pub trait Classifier {
    /// Logits (float32, [N, classes]) of float32 images in [0,1] ([N, 3, H, W]); differentiable in the images.
    fn logits(&self, images: &Tensor) -> Result<Tensor>;

    /// Device on which images are expected.
    fn device(&self) -> Device;

    /// Copies for lanes that each take a part of the rows; none where a batch is better left whole.
    fn lanes(&self) -> &[LaneModel] {
        &[]
    }
}

/// A network in evaluation mode that a lane may use.
#[derive(Clone)]
pub struct LaneModel(Arc<Mutex<Executor>>);

impl LaneModel {
    /// Takes the network.
    pub fn new(executor: Executor) -> Self {
        Self(Arc::new(Mutex::new(executor)))
    }

    /// Logits of the lane's images, differentiable in them.
    pub fn logits(&self, images: &Tensor) -> Result<Tensor> {
        self.with(|executor| executor.forward(images, BatchNorm::Eval))
    }

    /// Lends the network out.
    pub fn with<T>(&self, work: impl FnOnce(&Executor) -> Result<T>) -> Result<T> {
        work(&self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

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
    executor: Executor,
    lanes: Vec<LaneModel>,
    device: Device,
}

impl Plan {
    /// The executor behind the plan, for prefix caching.
    pub fn executor(&self) -> &Executor {
        &self.executor
    }
}

impl Classifier for Plan {
    fn logits(&self, images: &Tensor) -> Result<Tensor> {
        if self.lanes.is_empty() || images.requires_grad() {
            return self.executor.forward(images, BatchNorm::Eval);
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

/// Architecture, weights and declared preprocessing.
#[derive(Debug)]
pub struct Network {
    /// What is known about it.
    pub manifest: NetworkManifest,
    /// Operators.
    pub graph: Graph,
    /// Parameters and buffers, float32 (counters int64), on the CPU, in the graph's order.
    pub state: StateDict,
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
        Ok(Self { manifest, graph, state })
    }

    /// A network from named tensors. Missing, unexpected and misshapen names are all listed in one error on `path`.
    pub fn from_state(manifest: NetworkManifest, mut tensors: StateDict, path: &Path) -> Result<Self> {
        manifest.check()?;
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
        Ok(Self { manifest, graph, state })
    }

    /// Reads a network artifact.
    pub fn read(path: &Path) -> Result<Self> {
        let (tensors, manifest) = read_network(path)?;
        Self::from_state(manifest, tensors, path)
    }

    /// Writes a network artifact, atomically.
    pub fn write(&self, path: &Path) -> Result<()> {
        write_network(path, &self.state, &self.manifest)
    }

    /// The same network in storage of its own.
    pub fn copy(&self) -> Result<Self> {
        Ok(Self { manifest: self.manifest.clone(), graph: self.graph.clone(), state: self.state.deep_copy()? })
    }

    /// Compiles the network, as it is now, for evaluation mode.
    pub fn plan(&self, options: PlanOptions) -> Result<Plan> {
        let convert = |state: &StateDict| {
            passes::convert(state, options.format.kind, options.format.channels_last, options.device)
        };
        let folded = options.fold.then(|| passes::fold_batch_norm(&self.graph, &self.state)).transpose()?;
        let (graph, state) =
            folded.as_ref().map_or((&self.graph, &self.state), |folded| (&folded.graph, &folded.state));
        let state = convert(state)?;
        let bind = || Executor::bind(graph, &state, options.format);
        let lanes = if options.lanes > 1 {
            (0..options.lanes).map(|_| Ok(LaneModel::new(bind()?))).collect::<Result<_>>()?
        } else {
            Vec::new()
        };
        Ok(Plan { executor: bind()?, lanes, device: options.device })
    }

    /// Names of the modules in forward order.
    pub fn module_names(&self) -> Vec<String> {
        self.graph.modules().into_iter().map(|(name, _)| name).collect()
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

fn initial_tensor(spec: &TensorSpec, seed: u64) -> Result<Tensor> {
    let count = spec.shape.iter().product::<i64>() as usize;
    let mut rng = rng::stream(seed, &format!("init {}", spec.name), &[]);
    let values: Vec<f32> = match spec.init {
        Init::Constant(value) => vec![value as f32; count],
        Init::KaimingUniform { fan_in } => {
            let bound = 1.0 / (fan_in as f32).sqrt();
            let uniform = Uniform::new(-bound, bound).map_err(|error| EngineError::Internal(error.to_string()))?;
            (0..count).map(|_| rng.sample(uniform)).collect()
        }
        Init::Normal { std } => {
            let normal = Normal::new(0.0, std as f32).map_err(|error| EngineError::Internal(error.to_string()))?;
            (0..count).map(|_| normal.sample(&mut rng)).collect()
        }
    };
    let tensor = Tensor::f_from_slice(&values)?.f_reshape(&spec.shape)?;
    Ok(if spec.name.ends_with("num_batches_tracked") { tensor.f_to_kind(Kind::Int64)? } else { tensor })
}
