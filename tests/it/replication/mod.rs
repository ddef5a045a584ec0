//! Tests of database replication as a user controls it.

pub mod fallback;
pub mod interruption;
pub mod phases;
pub mod rotation;
pub mod validation;
