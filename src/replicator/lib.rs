//! What a replication task of DMS does to two PostgreSQL databases, with the weaknesses that DMS has.
//!
//! A [`Task`] takes a [`TaskDefinition`] (table mappings, task settings, two endpoints) and the [`Checkpoint`] of an
//! earlier run. It loads tables, captures changes from a logical replication slot, applies them, compares rows, and
//! shows all this in a [`SharedReport`]. Times of AWS are multiplied with [`TaskDefinition::second`]; everything else
//! is time of the wall.
//!
//! *May depend on* `infra-postgres`, the names of `infra-connect`, and PostgreSQL client crates.
//!
//! *Must never know* the AWS SDK, a sandbox world, a stack or a command: it gets JSON documents and connections, and
//! reports progress.

pub mod apply;
pub mod capture;
pub mod catalog;
pub mod checkpoint;
mod control_tables;
pub mod definition;
pub mod failure;
mod full_load;
pub mod mappings;
pub mod model;
pub mod observer;
pub mod report;
mod session;
pub mod settings;
mod settings_schema;
mod source_objects;
mod sql;
mod task;
pub mod types;
mod validation;
mod wildcard;

#[cfg(test)]
mod tests;

pub use checkpoint::Checkpoint;
pub use definition::{Heartbeat, MigrationType, SourceEndpoint, Start, TargetEndpoint, TaskDefinition};
pub use failure::Failure;
pub use mappings::{Mappings, MappingsError};
pub use observer::{NoObserver, Observer};
pub use report::{Report, SharedReport};
pub use session::test_connection;
pub use settings::{Settings, SettingsError};
pub use task::{Control, End, StopReason, Task, delete};
