//! The graph of desired resources: nodes, the references that make its edges, and order.
//!
//! Nobody writes an edge down. A resource names an output of another one in its inputs, and [`Graph::finish`] reads the
//! edges out of the inputs.

mod build;
mod circle;
mod input;
mod paths;
mod select;

pub use build::{Graph, GraphError, Node};
pub use circle::Waits;
pub use input::{Input, Moment, Need, OutputRef, Unresolved, needs_of, resolve};
pub use paths::{Timing, critical_path, remaining};
