//! Attacks: loops over norms and losses, judged in float32 on the network as it is.

pub mod apgd;
pub mod ascent;
pub mod attempt;
pub mod autoattack;
pub mod dataset;
pub mod fab;
pub mod flags;
pub mod ledger;
pub mod look_ahead;
pub mod loss;
pub mod norms;
pub mod pgd;
pub mod projection;
pub mod robust;
pub mod rows;
pub mod runner;
pub mod sparse_ascent;
pub mod square;
pub mod square_bumps;
pub mod stage;
pub mod state;
pub mod tries;

pub use dataset::{run as run_dataset, run_resumable, DatasetAttack, DatasetAttacked, Standing};
pub use ledger::Audit;
pub use loss::Loss;
pub use pgd::Batch;
pub use robust::{attack, Attacked, Pair, Perturbed};
pub use runner::StageOutcome;
pub use state::{AutoAttackState, Resume};
pub use tries::Tries;
