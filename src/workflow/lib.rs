//! What a run is allowed to do, below the command line: preconditions, protection, ignore rules, moved blocks,
//! approval, saved plans, and the session that holds the lock of the state.
//!
//! A [`Workspace`] carries what every command works with. Functions here decide and return data; a refusal is a typed
//! value from [`refusal`] that names what is refused and why. The command line turns it into a message, hints and an
//! exit code.
//!
//! *May depend on* every part below the command line except the sandbox: the caller supplies the endpoint.
//! *Must never know* a command-line option, an exit code, or how anything is displayed.

pub mod adoption;
pub mod approval;
mod backends;
pub mod control_channel;
pub mod cutover;
pub mod databases;
pub mod deletion;
pub mod drift;
pub mod environments;
mod error;
pub mod finish;
pub mod forget;
pub mod from_state;
pub mod identity;
mod ignore_rules;
mod moved;
pub mod notification;
pub mod orphans;
mod ownership;
mod partial_up;
pub mod permissions;
pub mod planning;
pub mod policies;
pub mod preconditions;
pub mod preflight;
mod protection;
pub mod refresh;
pub mod refusal;
pub mod replication;
pub mod replication_start;
pub mod rollback;
pub mod saved_plan;
mod selection;
mod session;
mod stack;
pub mod state_migration;
pub mod switchover;
pub mod switchover_record;
mod tenants;
mod through_command;
pub mod traffic;
pub mod unattended;
mod usable;
pub mod validation;
mod workspace;

pub use error::Error;
pub use moved::{apply_in_memory, plan_with_moves, record as record_moves};
pub use selection::{Request, Selection};
pub use session::{OnDamage, Session};
pub use stack::graph;
pub use tenants::tenants;
pub use through_command::ThroughCommand;
pub use workspace::{AtEndpoint, DatabaseLocator, EndpointSource, Workspace};
