//! What a payment environment consists of: one file a part. Pure: a [`Config`] becomes a [`Graph`], without a call.

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
