//! The one compute thread of the process. It owns every tensor and runs its tasks one after the other; libtorch's thread
//! count and gradient mode are process-wide or thread-local, so nothing else may compute. A panic fails its task alone.

use std::any::Any;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{channel, Sender};
use std::sync::OnceLock;

use rift_engine::error::{EngineError, Result};

type Task = Box<dyn FnOnce() + Send>;

/// Stack of the compute thread: autograd recurses over deep networks.
const STACK_BYTES: usize = 64 << 20;

fn queue() -> Result<&'static Sender<Task>> {
    static QUEUE: OnceLock<std::result::Result<Sender<Task>, String>> = OnceLock::new();
    QUEUE
        .get_or_init(|| {
            let (sender, receiver) = channel::<Task>();
            std::thread::Builder::new()
                .name("rift-compute".into())
                .stack_size(STACK_BYTES)
                .spawn(move || receiver.into_iter().for_each(|task| task()))
                .map(|_| sender)
                .map_err(|error| error.to_string())
        })
        .as_ref()
        .map_err(|error| EngineError::Internal(format!("the compute thread did not start: {error}")))
}

/// Queues `work` and hands its outcome to `done` on the compute thread.
pub fn run<T>(work: impl FnOnce() -> Result<T> + Send + 'static, done: impl FnOnce(Result<T>) + Send + 'static) -> Result<()> {
    let task = move || {
        let outcome = catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| Err(poisoned(panic.as_ref())));
        done(outcome);
    };
    queue()?.send(Box::new(task)).map_err(|_| EngineError::Internal("the compute thread has ended".into()))
}

fn poisoned(panic: &(dyn Any + Send)) -> EngineError {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without a message");
    EngineError::Internal(text.lines().next().unwrap_or_default().to_string())
}
