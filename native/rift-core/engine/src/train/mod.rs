//! Training: adversarial training of every method, its optimizer, checkpoints, and what fine-tuning shares with it.

pub mod adversarial;
pub mod average;
pub mod awp;
pub mod batches;
pub mod checkpoint;
pub mod craft;
pub mod inputs;
pub mod losses;
pub mod measure;
pub mod optimizer;
pub mod parameters;
pub mod records;
pub mod reestimate;
pub mod step;
