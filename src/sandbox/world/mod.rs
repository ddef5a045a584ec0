//! The data of the embedded AWS: plain and serializable, one file per service.
//!
//! Resources reference each other by id. Whether a resource is in use is computed from these references, never stored.

mod account;
pub mod account_facts;
pub mod account_region;
mod alarm_check;
pub mod autoscaling;
pub mod cloudwatch;
pub mod dms;
pub mod ec2;
pub mod ecs;
pub mod elbv2;
mod foreign_objects;
pub mod health;
pub mod hosted_zones;
pub mod iam;
pub mod lambda;
pub mod listener_routing;
mod log_writers;
pub mod logs;
pub mod metrics;
pub mod quotas;
pub mod rds;
pub mod real_data;
pub mod replication;
pub mod request_path;
mod rotation;
pub mod route53;
pub mod s3;
pub mod script;
pub mod scripted_failures;
pub mod secretsmanager;
mod state;
mod tag_index;
pub mod tags;
mod target_tracking;
mod task_start;
mod tasks;
pub mod timeline;
pub mod traffic;
mod trust;
pub mod weight_history;
pub mod zones;

pub use account_region::{AccountRegion, MAIN_ACCOUNT};
pub use state::{RegionState, World};
pub use trust::ServiceCaller;
