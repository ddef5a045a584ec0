//! The cutover as a pure state machine: [`step`] takes an event and returns the new progress and the commands that
//! follow. `docs/cutover.md` has the table of guarantees.
//!
//! *For the driver*: make [`Progress`] durable before you carry out a command. Make one change at a time, in the order
//! of the commands: a rollback and an observation of the traffic wait until a shift in flight has its result. Each
//! [`Command::Judge`] and [`Command::Wait`] is answered by [`Input::Judged`]. A newer one of these two commands
//! replaces the older one. A list of commands without either does not affect the one in flight.

mod command;
mod event;
mod on_gates;
mod on_request;
mod on_result;
mod state;
mod step;
mod transition;

pub use command::{Command, Condition, Question, SwitchUse};
pub use event::{Event, Input};
pub use state::{Approval, Next, Outcome, Phase, Progress, Quiesce, Trigger};
pub use step::step;

pub use crate::shift::ShiftEffect;
