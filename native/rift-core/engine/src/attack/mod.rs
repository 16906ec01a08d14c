//! Attacks: loops over norms and losses, judged in float32 on the network as it is.

pub mod loss;
pub mod norms;
pub mod pgd;
pub mod robust;

pub use loss::Loss;
pub use pgd::Batch;
pub use robust::{attack, Attacked, Pair};
