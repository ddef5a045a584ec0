//! Tests of the crate on a real server.

pub mod server;

mod fuzz;
mod guard;
mod load;
mod mappings;
mod performance;
mod settings;
mod task;
mod types;
mod validation;
mod world;
