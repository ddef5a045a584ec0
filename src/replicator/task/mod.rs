//! A replication task from its start to its end.

mod attempt;
mod changed_keys;
mod changes;
mod control;
mod end;
mod initialize;
mod load;
mod run;
mod slot;
mod state;

pub use control::Control;
pub use end::{End, StopReason};
pub use run::Task;
pub use slot::delete;
