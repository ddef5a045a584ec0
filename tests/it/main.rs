//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod cloudwatch;
mod containers;
mod database;
mod emulator;
mod iam;
mod interrupt;
mod journal;
mod lab;
mod load_balancing;
mod logs;
mod network;
mod network_refusals;
mod over_http;
mod s3;
mod scaling;
mod source;
mod tagging;
