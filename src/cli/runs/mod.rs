//! The stored runs of a stack: `runs/<id>/` in its local directory, with `run.json` and `events.jsonl`.
//!
//! A run that cannot be stored is not held up, and does not fail.

mod estimates;
mod follower;
mod recorder;
mod store;
mod trace;
mod writer;

pub(super) use estimates::durations;
pub(super) use follower::Follower;
pub(super) use recorder::{Place, event, finish, place, plan, prepare, value};
pub(super) use store::Runs;
