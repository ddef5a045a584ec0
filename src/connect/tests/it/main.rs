//! Tests of connections to a real PostgreSQL server, and to servers that pretend to be one.

mod connection;
mod errors;
mod fuzz;
mod hostile;
mod refusals;
mod server;
mod tls;
