//! The switchover as a pure state machine: [`step`] takes an event and returns the new progress and the commands that
//! follow. It knows no clock and makes no call.
//!
//! *For the driver*: make [`Progress`] durable before you carry out a command. At most one command is in flight; a new
//! one replaces it, and no effect of the replaced one may come later. Without a command, the one in flight continues.

mod command;
mod event;
mod progress;
mod settings;
mod step;

pub use command::Command;
pub use event::{Event, Input};
pub use progress::{FORMAT, Format, Outcome, Progress, Reason, State, Step};
pub use settings::{AfterKill, Backoff, Settings};
pub use step::step;
