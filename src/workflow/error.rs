//! Every way in which a run does not get to its work.

use infra_aws::CloudError;
use infra_config::ConfigError;
use infra_core::graph::GraphError;
use infra_core::state::{JournalError, LockError, MoveError, StateError};

use crate::refusal::{
    ConfigRefusal, ImportRefusal, MigrationRefusal, PlanRefusal, SavedPlanError, SelectionRefusal, StateRefusal,
};

/// Why a run does not get to its work: a refusal, or an error of a lower layer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The selection does not match the stack.
    #[error(transparent)]
    Selection(#[from] SelectionRefusal),
    /// A configuration entry does not match the stack, or violates a policy.
    #[error(transparent)]
    ConfigRefused(#[from] ConfigRefusal),
    /// The plan is refused.
    #[error(transparent)]
    Plan(#[from] PlanRefusal),
    /// A saved plan cannot be used.
    #[error(transparent)]
    SavedPlan(#[from] SavedPlanError),
    /// The state is refused.
    #[error(transparent)]
    StateRefused(#[from] StateRefusal),
    /// A resource is not imported or forgotten.
    #[error(transparent)]
    Import(#[from] ImportRefusal),
    /// A step of the migration is refused.
    #[error(transparent)]
    Migration(#[from] MigrationRefusal),
    /// The configuration is invalid.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The graph of resources is invalid.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The state cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// The lock cannot be acquired.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The state was not moved to another backend.
    #[error(transparent)]
    Move(#[from] MoveError),
    /// AWS cannot be used.
    #[error(transparent)]
    Cloud(#[from] CloudError),
    /// The endpoint cannot be opened; the caller supplied it and knows the type.
    #[error(transparent)]
    Endpoint(Box<dyn std::error::Error + Send + Sync>),
    /// AWS did not list the resources with this stack's tags.
    #[error("AWS did not list the resources that carry this stack's tags")]
    Listing(#[source] infra_aws::AwsError),
}
