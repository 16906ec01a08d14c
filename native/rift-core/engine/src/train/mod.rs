//! Training: optimizer, adversarial training, checkpoints.

pub mod adversarial;
pub mod average;
pub mod checkpoint;
pub mod losses;
pub mod optimizer;
pub mod records;
pub mod reestimate;
