//! The resource kinds: one file per kind, one folder per service, and the registry.
//!
//! *May depend on* `infra-base`, `infra-aws`, `infra-core`, `infra-macros` and the AWS SDK.
//! *Never knows* what a payment environment is, the sandbox, or a command.

pub mod autoscaling;
pub mod cloudwatch;
pub mod dms;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
pub mod iam;
mod inputs;
pub mod lambda;
pub mod logs;
mod ownership;
mod placeholders;
pub mod rds;
mod registry;
pub mod route53;
pub mod s3;
pub mod secretsmanager;
mod tag_index;
pub use registry::KINDS;
