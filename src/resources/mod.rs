//! The resource kinds, one file a kind, one folder a service.

pub mod autoscaling;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
mod inputs;
mod ownership;
pub mod lambda;
mod owned;
pub mod rds;
pub mod secretsmanager;
