//! The command line: one file a command.

mod adopt;
mod again;
mod args;
mod config;
mod confirm;
mod cutover;
mod down;
mod drift;
mod failure;
mod forget;
mod graph;
mod init;
mod look;
mod orphans;
mod outputs;
mod plan;
mod policies;
mod protection;
mod replication;
mod report;
mod request;
mod rollback;
mod run;
mod runbook;
mod saved;
mod session;
mod state;
mod status;
mod traffic;
mod unlock;
mod up;
mod validate;
mod watch;

pub use args::{Cli, Command, Globals, Timing};
pub use failure::{CliError, Exit};
pub use run::{main, needs_paused_time};
