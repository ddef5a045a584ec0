//! Tests of the real program: arguments, output and exit codes.

mod account;
pub mod commands;
pub mod configuration;
mod cost;
mod doctor;
pub mod lifecycle;
mod network;
mod output;
mod policy;
pub mod protection;
mod serve;
mod shell;
pub mod state_directory;
mod timeline;
mod without_configuration;
