//! Executes plans. The engine makes no decisions: the plan contains each action.

mod adopt;
mod discover;
mod down;
mod duplicates;
mod operation;
mod orphans;
mod parents;
mod preflight;
mod refresh;
mod run;
mod scheduler;
mod step;
mod target;
mod up;

pub use adopt::{Adoption, adopt, inspect};
pub use discover::find;
pub use down::down;
pub use operation::{NoLog, Operation};
pub use orphans::orphans;
pub use parents::foreign;
pub use preflight::{preflight, taken_names};
pub use refresh::{Refresh, TagReads, refresh};
pub use run::{Context, Failure, Outcome, ReadContext, Report};
pub use scheduler::{CreatedSignal, Executor, Job, Verdict, schedule};
pub use up::{rollback, up};
