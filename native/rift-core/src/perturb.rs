//! Online attack: a network stays loaded on the compute thread and batches go through it in order.

use std::sync::{Arc, Mutex, PoisonError};

use napi::bindgen_prelude::{Buffer, Env, Object};
use napi::JsDeferred;
use napi_derive::napi;
use rift_engine::control::Control;
use rift_engine::error::{EngineError, Result as EngineResult};
use rift_engine::jobs;
use rift_engine::jobs::perturb::{Images, Perturbed, Request, Session};

use crate::failure::to_napi;
use crate::worker::{self, Lane};

/// One attacked batch.
#[napi(object)]
pub struct NativePerturbed {
    /// float32 pixels, shape of the request's images.
    pub images: Buffer,
    /// int64, one per image: 1 where the network is still right.
    pub robust: Buffer,
    /// JSON of the audit.
    pub audit: String,
}

type SessionResolver = Box<dyn FnOnce(Env) -> napi::Result<NativePerturbSession> + Send>;
type BatchResolver = Box<dyn FnOnce(Env) -> napi::Result<NativePerturbed> + Send>;

/// A network that is kept loaded. Its tensors are used on the compute thread only.
#[napi]
pub struct NativePerturbSession {
    session: Arc<Mutex<Option<Session>>>,
    control: Control,
}

/// Loads a network for an online attack.
#[napi(ts_return_type = "Promise<NativePerturbSession>")]
pub fn open_perturb(env: &Env, request_json: String) -> napi::Result<Object<'_>> {
    let (deferred, promise): (JsDeferred<NativePerturbSession, SessionResolver>, _) = env.create_deferred()?;
    let work = move || {
        let request: Request = jobs::parse(&request_json)?;
        Session::open(&request)
    };
    let done = move |opened: EngineResult<Session>| match opened {
        Ok(session) => {
            let session = Arc::new(Mutex::new(Some(session)));
            deferred.resolve(Box::new(move |_| Ok(NativePerturbSession { session, control: Control::default() })));
        }
        Err(error) => deferred.reject(to_napi(&error)),
    };
    worker::run(Lane::Compute, work, done).map_err(|error| to_napi(&error))?;
    Ok(promise)
}

#[napi]
impl NativePerturbSession {
    /// Attacks one batch; batches are computed in the order of the calls.
    #[napi(ts_return_type = "Promise<NativePerturbed>")]
    pub fn perturb<'env>(
        &self, env: &'env Env, images: Buffer, labels: Buffer, shape: String, first_index: f64,
    ) -> napi::Result<Object<'env>> {
        let (deferred, promise): (JsDeferred<NativePerturbed, BatchResolver>, _) = env.create_deferred()?;
        let (session, control) = (Arc::clone(&self.session), self.control.clone());
        // Copied once, here: a Buffer's memory belongs to the JavaScript thread.
        let (pixels, labels) = (images.to_vec(), labels.to_vec());
        let work = move || {
            let shape: Vec<i64> = jobs::parse(&shape)?;
            let guard = session.lock().unwrap_or_else(PoisonError::into_inner);
            let session = guard.as_ref().ok_or(EngineError::Cancelled)?;
            let batch = Images { pixels: &pixels, labels: &labels, shape, first_index: first_index as u64 };
            session.perturb(&batch, &control)
        };
        let done = move |perturbed: EngineResult<Perturbed>| match perturbed {
            Ok(batch) => deferred.resolve(Box::new(move |_| {
                let audit = serde_json::to_string(&batch.audit)?;
                Ok(NativePerturbed { images: batch.pixels.into(), robust: batch.robust.into(), audit })
            })),
            Err(error) => deferred.reject(to_napi(&error)),
        };
        worker::run(Lane::Compute, work, done).map_err(|error| to_napi(&error))?;
        Ok(promise)
    }

    /// Stops a batch under way and lets the network go. Safe to repeat.
    #[napi]
    pub fn close(&self) -> napi::Result<()> {
        self.control.cancel();
        let session = Arc::clone(&self.session);
        let release = move || {
            drop(session.lock().unwrap_or_else(PoisonError::into_inner).take());
            Ok(())
        };
        worker::run(Lane::Compute, release, |_: EngineResult<()>| ()).map_err(|error| to_napi(&error))
    }
}
