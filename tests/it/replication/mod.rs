//! Tests of database replication as a user controls it.

pub mod interruption;
pub mod validation;
