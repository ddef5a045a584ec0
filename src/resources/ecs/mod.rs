//! Elastic Container Service, on Fargate.

mod cluster;
mod service;
mod tagging;
mod task_definition;
pub mod wanted;

pub use cluster::Cluster;
pub use service::Service;
pub use task_definition::{Container, TaskDefinition};
