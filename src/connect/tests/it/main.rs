//! Tests of connections to a real PostgreSQL server.

mod connection;
mod errors;
mod fuzz;
mod refusals;
mod server;
mod tls;
