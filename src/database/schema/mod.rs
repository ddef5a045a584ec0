//! Transfers the schema with PostgreSQL's own `pg_dump` and `pg_restore`, in three sections: *pre-data* and *keys*
//! before the load, *post-data* (indexes, constraints, triggers) after it.
//!
//! Keys are there before the load, because changes that were made during the load are found by them: a row that was
//! loaded and is also among these changes would otherwise exist twice.
//!
//! `pg_dump` writes an archive, and `pg_restore` turns a section of it into SQL. Each object of that SQL is then
//! executed on the connection of the caller, because `pg_restore` would repeat the details of errors, which can contain
//! values of rows, and has no typed errors. Moreover, `pg_restore` 17 and later begins with `SET transaction_timeout`,
//! which servers before 17 refuse.
//!
//! Before that, the target is dumped as well. What it has in the same words is skipped; what it has in other words is
//! an error; only the rest is created. So each section can be repeated, and completes what an earlier call began.
//!
//! *Caveats*: Owners are not transferred: the user of the connection owns everything. Tablespaces and table access
//! methods are those of the target. Publications, subscriptions and security labels are left out. Materialized views
//! are created, and have to be refreshed after the load.

mod access;
mod archive;
mod comparison;
mod difference;
mod error;
mod identity;
mod keys;
mod materialized;
mod privileges;
mod programs;
mod reload;
mod section;
mod transfer;

pub use access::Access;
pub use archive::{Entry, Schema};
pub use comparison::Comparison;
pub use difference::Difference;
pub use error::SchemaError;
pub use materialized::{Unrefreshed, refresh};
pub use privileges::SkippedPrivilege;
pub use programs::{Programs, server_version};
pub use reload::prepare_reload;
pub use section::Section;
pub use transfer::{Options, Transferred, read, transfer};
