//! Tests of the real program: arguments, output and exit codes.

pub mod commands;
pub mod configuration;
pub mod lifecycle;
mod network;
pub mod protection;
pub mod state_directory;
