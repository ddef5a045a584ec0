//! Tests of single kinds of resources on the sandbox, and of what every kind declares.

pub mod certificates;
pub mod cloudwatch;
pub mod database;
pub mod database_maintenance;
pub mod database_secrets;
pub mod declared_operations;
pub mod ecs;
pub mod every_input;
pub mod iam;
pub mod load_balancing;
pub mod logs;
pub mod network;
pub mod request_validation;
pub mod s3;
pub mod scaling;
pub mod tag_removal;
