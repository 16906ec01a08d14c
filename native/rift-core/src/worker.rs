//! The threads of the process that hold tensors. One computes: libtorch's thread count and gradient mode are process-wide
//! or thread-local, so nothing else may. One reads and writes files, so that an import does not wait for hours of training.
//! Each runs its tasks one after the other; a panic fails its task alone.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, Sender};
use std::sync::OnceLock;

use rift_engine::error::{EngineError, Result};
use rift_engine::memory::keep_freed_blocks;

type Task = Box<dyn FnOnce() + Send>;

/// Stack of a thread: autograd recurses over deep networks.
const STACK_BYTES: usize = 64 << 20;

/// Which thread a task runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Everything that computes.
    Compute,
    /// Reading, checking and writing files.
    Files,
}

impl Lane {
    fn queue(self) -> Result<&'static Sender<Task>> {
        static COMPUTE: Queue = OnceLock::new();
        static FILES: Queue = OnceLock::new();
        let (queue, name) = match self {
            Self::Compute => (&COMPUTE, "rift-compute"),
            Self::Files => (&FILES, "rift-files"),
        };
        queue
            .get_or_init(|| started(name).map_err(|error| error.to_string()))
            .as_ref()
            .map_err(|error| EngineError::Internal(format!("the thread {name} did not start: {error}")))
    }
}

type Queue = OnceLock<std::result::Result<Sender<Task>, String>>;

fn started(name: &str) -> std::io::Result<Sender<Task>> {
    keep_freed_blocks();
    let (sender, receiver) = channel::<Task>();
    std::thread::Builder::new()
        .name(name.into())
        .stack_size(STACK_BYTES)
        .spawn(move || receiver.into_iter().for_each(|task| task()))?;
    Ok(sender)
}

/// Queues `work` on a thread and hands its outcome to `done` there.
pub fn run<T>(
    lane: Lane, work: impl FnOnce() -> Result<T> + Send + 'static, done: impl FnOnce(Result<T>) + Send + 'static,
) -> Result<()> {
    let task = move || {
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(poisoned(panic.as_ref())));
        done(outcome);
    };
    lane.queue()?.send(Box::new(task)).map_err(|_| EngineError::Internal("the thread of the job has ended".into()))
}

fn poisoned(panic: &(dyn Any + Send)) -> EngineError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    EngineError::Internal(text.lines().next().unwrap_or_default().to_string())
}
