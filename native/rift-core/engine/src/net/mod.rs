//! Networks as graphs of operators: construction, rewriting, execution.

pub mod exec;
pub mod forward;
pub mod graph;
mod initial;
pub mod network;
pub mod passes;
pub mod plan;
mod preact;
mod resnet;
pub mod script;
mod wide;
pub mod zoo;

pub use exec::{BatchNorm, Executor, Format};
pub use forward::{Classifier, Forward, LaneModel};
pub use network::Network;
pub use plan::{Plan, PlanOptions};
