//! What a migration does inside its two PostgreSQL databases.
//!
//! It works on connections that the caller has opened ([`Database`]) and on the programs `pg_dump` and `pg_restore`.
//!
//! *Guarantees*: Everything that changes something can be repeated, also after a kill between any two statements; each
//! function documents what it leaves then. No error contains a password or a value of a row.
//!
//! *Assumptions*: PostgreSQL 14 or later. The user has the rights that RDS grants to `rds_superuser`; no function needs
//! a superuser. A connection that a function got is not used by others until it returns; a call that is abandoned can
//! leave its connection in a transaction, so that the connection must be closed.
//!
//! *May depend on* `infra-connect`, for errors and names, and PostgreSQL client crates.
//!
//! *Must never know* AWS, a configuration, a stack, a command, or how a connection is made.

pub mod changes;
pub mod check;
mod database;
pub mod drain;
mod error;
pub mod guard;
pub mod identity;
mod lsn;
pub mod marker;
pub mod repeated;
pub mod schema;
pub mod sequences;
pub mod slots;
mod sql;
pub mod tables;

pub use database::Database;
pub use error::{Error, SqlError};
pub use infra_connect::TableName;
pub use lsn::Lsn;

/// The schema that has the objects of this crate. It is not part of the user's schema.
pub const HELPER_SCHEMA: &str = "migrate_infra";
