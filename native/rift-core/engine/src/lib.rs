//! RiFT engine: networks as operator graphs, attacks, adversarial training, module robust criticality, fine-tuning and
//! interpolation on libtorch. Knows nothing of Node, gRPC or services; every entry point is a plain function of a spec,
//! paths and a [`control::Control`].

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod attack;
pub mod checkpoint;
pub mod choices;
pub mod compute;
pub mod control;
pub mod corrupt;
pub mod criticality;
pub mod data;
pub mod diagnose;
pub mod error;
pub mod evaluate;
pub mod jobs;
pub mod lanes;
pub mod memory;
pub mod net;
pub mod rng;
pub mod spec;
pub mod suggest;
pub mod train;
pub mod wire;
