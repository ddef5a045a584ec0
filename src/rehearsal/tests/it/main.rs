//! Tests of the rehearsal on real PostgreSQL servers, with a cloud that the tests control.

#![expect(clippy::panic, reason = "a helper of a test fails as the test does")]
#![expect(clippy::cast_precision_loss, reason = "shares and rates are not exact")]

mod cloud;
mod dump;
mod generator;
mod report;
mod schema;
mod server;
mod throughput;
mod two_databases;
mod user_schemas;
mod verdict;
mod writers;
