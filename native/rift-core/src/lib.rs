//! Node addon of the RiFT engine.
