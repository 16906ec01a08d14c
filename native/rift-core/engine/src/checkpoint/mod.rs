//! Checkpoints: named tensors and what is known about them, read and written without executing anything.

pub mod bytes;
