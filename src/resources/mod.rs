//! The resource kinds, one file a kind, one folder a service.

pub mod cloudwatch;
pub mod ec2;
pub mod iam;
pub mod logs;
pub(crate) mod marks;
pub(crate) mod names;
pub mod s3;
