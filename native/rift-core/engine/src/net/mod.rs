//! Networks as graphs of operators: construction, rewriting, execution.

pub mod exec;
pub mod graph;
pub mod network;
pub mod passes;
mod resnet;
pub mod zoo;

pub use exec::{BatchNorm, Executor, Format};
pub use network::{Classifier, LaneModel, Network, Plan, PlanOptions};
