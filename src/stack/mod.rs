//! What a payment environment consists of: one file a part. Pure: a [`Config`](crate::config::Config) becomes a [`Graph`](crate::graph::Graph), without a call.

mod build;
mod database;
mod environment;
mod link;
mod monitoring;
mod network;
mod outputs;
mod replication;
mod routing;
mod security;
mod service;
mod storage;
mod storage_replication;
mod switch;
mod task_settings;

pub use build::build;
pub use outputs::{Output, outputs};
pub use switch::Switch;
