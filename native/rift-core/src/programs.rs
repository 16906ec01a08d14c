//! Whether this process runs networks that are programs.

use napi_derive::napi;

/// Lets this process load TorchScript networks, from now on.
#[napi]
pub fn allow_torchscript() {
    rift_engine::net::script::allow();
}
