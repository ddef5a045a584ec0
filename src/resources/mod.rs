//! The resource kinds, one file a kind, one folder a service.

pub mod ec2;
