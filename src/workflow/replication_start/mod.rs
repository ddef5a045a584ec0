//! The start of a replication, phase by phase: schema, load, indexes, changes.
//!
//! Each phase is recorded before it begins and when it is done, and can be repeated. So a start that was killed is
//! resumed.

mod databases;
mod error;
mod indexes;
mod measured;
mod procedure;
mod schema;
mod slots;

pub use error::StartError;
pub use procedure::{Procedure, StartRequest, Started};
