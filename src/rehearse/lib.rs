//! The rehearsal of a whole migration: a stack on a sandbox with real databases, writers that make payments, the steps
//! of the migration, and the proof of what happened to each payment.
//!
//! The steps are those of the commands ([`infra_workflow::unattended`]). They can be killed at random moments, and are
//! then repeated, while the sandbox, the databases and the writers continue, as AWS and its clients do.
//!
//! *May depend on* every part below the command line.
//! *Must never know* a command-line option, an exit code, or how anything is displayed.

mod conclude;
mod databases;
mod driver;
mod error;
mod gates;
mod minimum_requests;
mod options;
mod run;
mod schema;
mod stage;
mod status;
mod traffic;

pub use error::RehearseError;
pub use options::{RehearsalOptions, SchemaSource, Then};
pub use run::rehearse;
pub use stage::SandboxDatabases;
pub use status::{Observer, Status};
