//! Tests of runs: faults, kills, rollbacks, replacements, imports and drift.

mod critical_path;
pub mod drift;
pub mod drift_commands;
mod duplicates;
pub mod faults;
mod first_look;
pub mod import;
pub mod interrupt;
mod journalled;
mod leftovers;
mod ownership;
pub mod random_histories;
pub mod replacement;
pub mod replacement_restored;
mod request_counts;
pub mod rollback;
pub mod sigkill;
mod taken;
