//! Checkpoints: named tensors and what is known about them, read and written without executing anything.

pub mod atomic;
pub mod bytes;
pub mod manifest;
pub mod pickle;
mod pickle_machine;
pub mod pth;
pub mod pth_layout;
mod pth_tensors;
pub mod pth_write;
pub mod safetensors;
pub mod state_dict;
pub mod zip;
mod zip_directory;
pub mod zip_write;

pub use manifest::{read_network, write_network, NetworkManifest, Preprocess};
pub use pth::{read_pth, PthFile};
pub use pth_write::write_pth;
pub use safetensors::{read_safetensors, read_safetensors_header, write_safetensors, Metadata};
pub use state_dict::StateDict;
