//! Tests of commands that open a way to a real PostgreSQL server.

mod lifetime;
mod server;
mod ways;
