//! Amazon CloudWatch Logs.

mod log_group;
mod retry;
mod tagging;
mod writer;

pub use log_group::LogGroup;
