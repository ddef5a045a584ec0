//! One file per command: its arguments, whose doc comments are the help texts, and one function.

pub mod adopt;
pub mod compare;
mod comparison;
pub mod completions;
pub mod config;
pub mod cutover;
pub mod down;
pub mod drift;
pub mod forget;
pub mod graph;
pub mod init;
pub mod man;
pub mod orphans;
pub mod outputs;
pub mod plan;
mod real_time;
pub mod rehearse;
pub mod replication;
pub mod rollback;
pub mod runbook;
pub mod state;
pub mod status;
pub mod traffic;
pub mod unlock;
pub mod up;
pub mod watch;
