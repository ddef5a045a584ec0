//! Refusals as typed values: what is refused, for which resources, and why. Display is a one-line summary; details are
//! fields.

mod config;
mod import;
mod migration;
mod plan;
mod saved_plan;
mod selection;
mod state;

pub use config::ConfigRefusal;
pub use import::ImportRefusal;
pub use migration::MigrationRefusal;
pub use plan::{DataLoss, ManualStep, PlanRefusal};
pub use saved_plan::{Outdated, SavedPlanError};
pub use selection::{SelectionRefusal, Selector};
pub use state::StateRefusal;
