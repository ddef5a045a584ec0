//! The cutover as a pure state machine: [`step`] takes what has happened and says what is to be done. `docs/cutover.md` has the table of
//! what it promises.
//!
//! *For the driver*: make [`Progress`] durable before carrying out a command. Make one change at a time, in the order of the commands: a
//! roll-back, and a look at where the traffic is, wait until a shift under way has its answer. After [`Command::Judge`] or
//! [`Command::Wait`] comes [`Input::Judged`]; a newer one of these two replaces the older. An answer without either leaves the one under
//! way as it is.

mod answer;
mod command;
mod event;
mod judged;
mod plan;
mod progress;
mod step;

pub use command::{Command, Question};
pub use event::{Effect, Event, Input};
pub use plan::{Schedule, Steps};
pub use progress::{Approval, Cause, Outcome, Phase, Progress, Quiesce, Then};
pub use step::step;
