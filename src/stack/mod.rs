//! What a payment environment consists of: one file a part. Pure: a [`Config`](crate::config::Config) becomes a [`Graph`](crate::graph::Graph), without a call.

mod build;
mod database;
mod monitoring;
mod network;
mod outputs;
mod security;
mod service;
mod storage;

pub use build::build;
pub use outputs::{Output, outputs};
