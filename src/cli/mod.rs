//! The command line: it parses arguments, calls the workflow, and displays results.

mod app;
mod command_line;
mod commands;
mod databases;
mod endpoint;
mod error;
mod existing;
mod explain;
mod from_state;
mod notify;
mod options;
mod prices;
mod runs;
mod signals;
mod suggest;
mod ui;

pub use command_line::{Cli, Command, main};
pub use error::{CliError, Exit};
pub use options::{GlobalOptions, OutputFormat, Timing};
