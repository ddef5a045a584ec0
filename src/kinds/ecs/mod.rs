//! Elastic Container Service, on Fargate.

mod cluster;
pub mod desired_count;
mod revisions;
mod service;
mod tagging;
mod task_definition;

pub use cluster::Cluster;
pub use service::Service;
pub use task_definition::{Container, TaskDefinition};
