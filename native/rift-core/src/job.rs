//! Long work as a handle: queued at once, waited for, cancelled at any time.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Env, Function, Object};
use napi::threadsafe_function::ThreadsafeFunctionCallMode;
use napi::JsDeferred;
use napi_derive::napi;
use rift_engine::control::Control;
use rift_engine::error::{EngineError, Result as EngineResult};
use rift_engine::jobs;

use crate::failure::to_napi;
use crate::worker::{self, Lane};

/// Progress events kept for a busy event loop; beyond that new ones are dropped, and the next replaces them.
const PROGRESS_QUEUE: usize = 4;

type Resolver = Box<dyn FnOnce(Env) -> napi::Result<String> + Send>;
type Waiter = JsDeferred<String, Resolver>;

/// Who waits for a job, and what became of it.
#[derive(Default)]
enum Outcome {
    #[default]
    Pending,
    Waited(Vec<Waiter>),
    Ended(Arc<EngineResult<String>>),
}

/// A job, queued or running on its thread.
#[napi]
pub struct NativeJob {
    control: Control,
    outcome: Arc<Mutex<Outcome>>,
    id: u32,
}

#[napi]
impl NativeJob {
    /// Number of the job within this process.
    #[napi(getter)]
    pub fn id(&self) -> u32 {
        self.id
    }

    /// Resolves with the result's JSON. Safe to repeat.
    #[napi(ts_return_type = "Promise<string>")]
    pub fn wait<'env>(&self, env: &'env Env) -> napi::Result<Object<'env>> {
        let (deferred, promise) = env.create_deferred::<String, Resolver>()?;
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *outcome {
            Outcome::Ended(ended) => settle(deferred, Arc::clone(ended)),
            Outcome::Waited(waiters) => waiters.push(deferred),
            pending @ Outcome::Pending => *pending = Outcome::Waited(vec![deferred]),
        }
        Ok(promise)
    }

    /// Asks the job to stop within one batch. Safe to repeat, and after the end.
    #[napi]
    pub fn cancel(&self) {
        self.control.cancel();
    }
}

/// Queues a job; `kind` and the request are those of [`rift_engine::jobs`].
#[napi]
pub fn submit(kind: String, request_json: String, on_progress: Function<'_, String, ()>) -> napi::Result<NativeJob> {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(1);
    if !jobs::KINDS.contains(&kind.as_str()) {
        return Err(to_napi(&EngineError::unknown("job", kind, &jobs::KINDS.map(str::to_string))));
    }
    let listener =
        on_progress.build_threadsafe_function::<String>().max_queue_size::<PROGRESS_QUEUE>().weak::<true>().build()?;
    let control = Control::new(Arc::new(move |progress| {
        if let Ok(text) = serde_json::to_string(&progress) {
            let _ = listener.call(text, ThreadsafeFunctionCallMode::NonBlocking);
        }
    }));
    let outcome = Arc::new(Mutex::new(Outcome::default()));
    let lane = if jobs::FILE_KINDS.contains(&kind.as_str()) { Lane::Files } else { Lane::Compute };
    let (worker_control, worker_outcome) = (control.clone(), Arc::clone(&outcome));
    let work = move || {
        worker_control.check()?;
        let ended = jobs::run(&kind, &request_json, &worker_control);
        rift_engine::memory::give_back();
        ended
    };
    worker::run(lane, work, move |ended| finish(&worker_outcome, ended)).map_err(|error| to_napi(&error))?;
    Ok(NativeJob { control, outcome, id: NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed) })
}

fn finish(outcome: &Mutex<Outcome>, ended: EngineResult<String>) {
    let ended = Arc::new(ended);
    let before = std::mem::replace(
        &mut *outcome.lock().unwrap_or_else(PoisonError::into_inner),
        Outcome::Ended(Arc::clone(&ended)),
    );
    if let Outcome::Waited(waiters) = before {
        for waiter in waiters {
            settle(waiter, Arc::clone(&ended));
        }
    }
}

fn settle(waiter: Waiter, ended: Arc<EngineResult<String>>) {
    match &*ended {
        Ok(text) => {
            let text = text.clone();
            waiter.resolve(Box::new(move |_| Ok(text)));
        }
        Err(error) => waiter.reject(to_napi(error)),
    }
}
