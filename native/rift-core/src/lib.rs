//! Node addon of the RiFT engine: thin adapters over plain engine functions. The boundary is mirrored, in this order,
//! by `ts/native.ts`. Tensors live on the threads of [`worker`]; calls hand over owned bytes and texts.

mod doctor;
mod failure;
mod job;
mod perturb;
mod programs;
mod worker;

pub use doctor::doctor;
pub use job::{submit, NativeJob};
pub use perturb::{open_perturb, NativePerturbSession};
pub use programs::allow_torchscript;
