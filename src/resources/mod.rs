//! The resource kinds, one file a kind, one folder a service.

pub mod autoscaling;
pub mod cloudwatch;
pub mod dms;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
pub mod iam;
mod inputs;
pub mod lambda;
pub mod lingering;
pub mod logs;
mod names;
mod owned;
pub mod rds;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
