//! The graph of desired resources: nodes, edges from references, and order.
//!
//! Edges are never declared. A resource refers to an output of another one in its inputs, and the graph derives the
//! edges from the inputs.

mod build;
mod cycle;
mod input;
mod paths;
mod select;

pub use build::{Graph, GraphError, Node};
pub use cycle::DependencyGraph;
pub use input::{Input, Moment, Need, OutputRef, Unresolved, needs_of, resolve};
pub use paths::{Timing, critical_path, remaining};
