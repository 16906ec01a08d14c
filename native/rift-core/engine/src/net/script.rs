//! Networks that are TorchScript programs: any architecture, at the price of the passes. Such a network is computed in float32
//! as it is, nothing is folded, converted or cached. Its file is a program, so that a process loads one only after
//! [`allow`].

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rift_torchscript::{overwrite, Module};
use tch::{Device, Kind, Tensor};

use super::exec::{channelwise, BatchNorm};
use super::forward::Forward;
use super::graph::{Graph, Init, TensorSpec};
use crate::checkpoint::{NetworkManifest, Preprocess, StateDict};
use crate::error::{EngineError, Result};

/// Name of the architecture of every such network.
pub const ARCHITECTURE: &str = "torchscript";
/// Name under which a network's file holds the program, beside its tensors.
pub const PROGRAM: &str = "torchscript.program";

static ALLOWED: AtomicBool = AtomicBool::new(false);

/// Lets this process run TorchScript programs, from now on.
pub fn allow() {
    ALLOWED.store(true, Ordering::Relaxed);
}

/// A loaded program. Clones share it.
#[derive(Debug, Clone)]
pub struct Script {
    parts: Arc<Mutex<Parts>>,
    bytes: Arc<Vec<u8>>,
    preprocess: Preprocess,
}

#[derive(Debug)]
struct Parts {
    module: Module,
    /// Running statistics and counters of batch norm.
    statistics: Vec<Tensor>,
}

/// A program, what tensors it has, and the tensors themselves.
pub struct Loaded {
    /// The program.
    pub script: Script,
    /// Tensors without operators.
    pub graph: Graph,
    /// The program's own tensors: what is written into them, it computes with.
    pub state: StateDict,
}

impl Script {
    /// Loads the program in `bytes`, whose images are normalised as `manifest` says. `path` names it in errors.
    pub fn load(bytes: Arc<Vec<u8>>, manifest: &NetworkManifest, path: &Path) -> Result<Loaded> {
        if !ALLOWED.load(Ordering::Relaxed) {
            return Err(EngineError::NotAllowed {
                what: format!("the TorchScript program {}", path.display()),
                rule: "a TorchScript file is a program, and this process does not run any; \
                       set RIFT_ALLOW_TORCHSCRIPT=true where files come from people you trust"
                    .into(),
            });
        }
        let broken = |error: tch::TchError| {
            let text = error.to_string();
            let reason = text.lines().next().unwrap_or_default();
            EngineError::file(path, format!("is no TorchScript module that libtorch can load: {reason}"))
        };
        let module = Module::load(&bytes).map_err(broken)?;
        let (mut graph, mut state, mut statistics) = (Graph::default(), StateDict::new(), Vec::new());
        for entry in module.entries().map_err(broken)? {
            let trainable = entry.is_parameter && entry.tensor.f_kind()? == Kind::Float;
            let tensor = if entry.is_parameter { entry.tensor.f_set_requires_grad(false)? } else { entry.tensor };
            if state.get(&entry.name).is_some() {
                return Err(EngineError::file(path, format!("has two tensors called {}", entry.name)));
            }
            if is_statistic(&entry.name) {
                statistics.push(tensor.shallow_clone());
            }
            let init = Init::Constant(0.0);
            graph.tensors.push(TensorSpec { name: entry.name.clone(), shape: tensor.size(), init, trainable });
            state.insert(entry.name, tensor);
        }
        let parts = Arc::new(Mutex::new(Parts { module, statistics }));
        let script = Self { parts, bytes, preprocess: manifest.preprocess.clone() };
        Ok(Loaded { script, graph, state })
    }

    /// The program as it was imported.
    pub fn bytes(&self) -> &Arc<Vec<u8>> {
        &self.bytes
    }

    /// Moves the program to `device`; the tensors of its state move with it.
    pub fn to_device(&self, device: Device) -> Result<()> {
        Ok(self.parts().module.to_device(device)?)
    }

    /// Writes the program with its tensors as they are now, for `torch.jit.load`.
    pub fn save(&self, path: &Path) -> Result<()> {
        Ok(self.parts().module.save(path)?)
    }

    /// Checks that the program gives [N, classes] for images of the declared size.
    pub fn check_shape(&self, manifest: &NetworkManifest, path: &Path) -> Result<()> {
        let size = manifest.input_size;
        let images = Tensor::f_full([2, 3, size, size], 0.5, (Kind::Float, Device::Cpu))?;
        let logits = tch::no_grad(|| self.forward(&images, BatchNorm::Eval)).map_err(|error| {
            EngineError::file(
                path,
                format!("its forward fails on two {size}x{size} images: {error}; check --input-size"),
            )
        })?;
        if logits.size() == [2, manifest.classes] {
            return Ok(());
        }
        let reason = format!(
            "gives {:?} for two images where [2, {}] is expected; check --classes",
            logits.size(),
            manifest.classes
        );
        Err(EngineError::file(path, reason))
    }

    fn parts(&self) -> MutexGuard<'_, Parts> {
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Forward for Script {
    fn forward(&self, images: &Tensor, mode: BatchNorm) -> Result<Tensor> {
        let Preprocess { mean, std, .. } = &self.preprocess;
        let identity = *mean == [0.0; 3] && *std == [1.0; 3];
        let input = if identity {
            images.shallow_clone()
        } else {
            let channels = |values: &[f64]| channelwise(values, images.device());
            images.f_sub(&channels(mean)?)?.f_div(&channels(std)?)?
        };
        let parts = self.parts();
        let kept = match mode {
            BatchNorm::TrainUntracked => {
                parts.statistics.iter().map(Tensor::f_detach_copy).collect::<std::result::Result<Vec<_>, _>>()?
            }
            BatchNorm::Eval | BatchNorm::Train => Vec::new(),
        };
        let logits = parts.module.forward(&input, mode != BatchNorm::Eval)?;
        for (statistic, before) in parts.statistics.iter().zip(&kept) {
            overwrite(statistic, before)?;
        }
        Ok(logits.f_to_kind(Kind::Float)?)
    }
}

/// Whether a tensor is a running statistic or counter of batch norm.
pub fn is_statistic(name: &str) -> bool {
    ["running_mean", "running_var", "num_batches_tracked"].iter().any(|end| name.rsplit('.').next() == Some(end))
}
