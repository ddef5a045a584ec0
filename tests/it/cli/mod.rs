//! Tests of the real program: arguments, output and exit codes.

mod account;
pub mod commands;
pub mod configuration;
mod cost;
pub mod lifecycle;
mod network;
mod output;
pub mod protection;
mod shell;
pub mod state_directory;
mod timeline;
mod without_configuration;
