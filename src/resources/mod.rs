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
pub mod cloudwatch;
pub mod ec2;
pub mod iam;
pub mod logs;
pub(crate) mod marks;
pub(crate) mod names;
pub mod s3;
