//! Tests of the comparison on real PostgreSQL servers.

#![expect(clippy::panic, reason = "a helper of a test fails as the test does")]

mod definitions;
mod guest;
mod live;
mod pair;
mod proxy;
mod replicas;
mod server;
mod silence;
mod values;
