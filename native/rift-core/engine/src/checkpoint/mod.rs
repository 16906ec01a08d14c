//! Checkpoints: named tensors and what is known about them, read and written without executing anything.

pub mod atomic;
pub mod bytes;
pub mod manifest;
pub mod safetensors;
pub mod state_dict;

pub use manifest::{read_network, write_network, NetworkManifest, Preprocess};
pub use safetensors::{read_safetensors, read_safetensors_header, write_safetensors, Metadata};
pub use state_dict::StateDict;
