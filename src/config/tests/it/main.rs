//! Tests of the configuration as its users write it.
#![expect(clippy::panic, reason = "a test that cannot continue fails")]

mod fuzz;
mod rules_of_aws;
mod shown;
mod support;
mod text;
