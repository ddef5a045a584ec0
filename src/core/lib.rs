//! The provisioning core: the graph of desired resources, the plan that makes AWS match it, the engine that executes
//! the plan, and the state that records the result.
//!
//! *May depend on* `infra-base` and `infra-aws`.
//! *Must never know* a single resource kind, a payment environment, or a command. A kind describes itself through
//! [`resource::Resource`], and the program passes the set of kinds in.

pub mod draw;
pub mod engine;
pub mod events;
pub mod graph;
pub mod plan;
pub mod resource;
pub mod state;
