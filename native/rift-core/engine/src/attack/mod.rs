//! Attacks: loops over norms and losses, judged in float32 on the network as it is.

pub mod dataset;
pub mod ledger;
pub mod loss;
pub mod norms;
pub mod pgd;
pub mod robust;
pub mod rows;
pub mod runner;
pub mod stage;

pub use dataset::{run as run_dataset, DatasetAttack, DatasetAttacked};
pub use ledger::Audit;
pub use loss::Loss;
pub use pgd::Batch;
pub use robust::{attack, Attacked, Pair};
pub use runner::StageOutcome;
