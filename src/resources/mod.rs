//! The resource kinds, one file a kind, one folder a service.

pub mod ec2;
pub mod lambda;
mod owned;
pub mod rds;
pub mod secretsmanager;
