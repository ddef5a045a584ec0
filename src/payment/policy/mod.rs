//! Rules that each plan must comply with, independent of the configuration. They check the finished graph, like CDK
//! aspects.
//!
//! A rule reads specifications only and makes no AWS call. An exception names the address of a resource and a reason in
//! the configuration (`policy.exceptions`).

mod encryption;
mod plain_http;
mod public_exposure;
mod required_tags;
mod review;
mod rule;

pub use review::{Review, Violation, review};
