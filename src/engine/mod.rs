//! Runs a plan. The engine makes no choices of its own: what is done to which resource is in the plan.

mod adopt;
mod down;
mod find;
mod operate;
mod run;
mod scheduler;
mod step;
mod survey;
mod sweep;
mod up;

pub use adopt::{Adoption, adopt, inspect};
pub use down::down;
pub use find::find;
pub use operate::{Operation, Unwritten};
pub use run::{Context, Failure, Looker, Outcome, Report};
pub use scheduler::{Job, Released, Verdict, Work, schedule};
pub use survey::{Survey, survey};
pub use sweep::leftovers;
pub use up::{rollback, up};
