//! Tests of connections to a real PostgreSQL server.

mod connection;
mod errors;
mod refusals;
mod server;
mod tls;
