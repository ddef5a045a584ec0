//! Tests with real servers. They use the programs of this machine, as a user of the crate does.

#![expect(clippy::panic, clippy::unwrap_used, reason = "a test that cannot continue fails")]

mod harness;
mod lifecycle;
mod parameters;
mod processes;
mod programs;
mod rights;
mod tls;
