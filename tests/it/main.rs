//! All integration tests are modules of this one binary, because linking the SDK takes longer than running them.
#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod cli;
mod cloudwatch;
mod connected;
mod containers;
mod database;
mod emulator;
mod eyes;
mod full_disk;
mod iam;
mod interrupt;
mod journal;
mod lab;
mod lane;
mod linking;
mod load_balancing;
mod logs;
mod lost_state;
mod network;
mod network_refusals;
mod policy;
mod property;
mod recorder;
mod relations;
mod requests;
mod rollback;
mod s3;
mod scaling;
mod scenarios;
mod source;
mod stacks;
mod system;
mod tagging;
mod torture;
mod weather;
