//! Amazon CloudWatch Logs.

mod log_group;
mod retry;
mod tagging;

pub use log_group::LogGroup;
