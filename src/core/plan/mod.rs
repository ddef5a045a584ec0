//! What a run does and why: pure data, computed from the desired graph and the state without a single call.

mod action;
mod calls;
#[cfg(test)]
mod cost;
mod cycle;
mod defer_deletes;
mod delete;
mod deletion;
mod diff;
mod discover;
mod down;
mod drift;
mod durations;
mod external_users;
mod name_conflicts;
mod names;
mod options;
mod out_of_band;
mod planner;
mod replace;
mod rollback;
#[cfg(test)]
mod sample;
mod step;
mod steps;
mod timing;
mod traffic_weights;
mod up;

pub use action::{Action, Move, ReplaceOrder};
pub use calls::{Calls, calls};
pub use cycle::DependencyCycle;
pub use delete::plan_delete;
pub use diff::{Change, changes};
pub use discover::plan_discovery;
pub use down::plan_down;
pub use drift::{Drift, DriftReport};
pub use durations::{Durations, Estimate};
pub use external_users::ExternalUsers;
pub use options::{Missing, PlanError, PlanOptions};
pub use out_of_band::OutOfBand;
pub use rollback::{Rollback, plan_rollback};
pub use step::Step;
pub use steps::Plan;
pub use traffic_weights::share;
pub use up::{plan_up, plan_with};
