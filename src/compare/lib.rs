//! Compares two PostgreSQL databases, to verify that a replication is complete.
//!
//! *Guarantees*: Nothing is written to either database, and nothing remains on a connection. Each side is read as of
//! one instant. Rows do not leave the servers; they are hashed there. Memory does not grow with the number of rows.
//! What could not be compared is never reported as equal, and costs nothing else. Every wait ends.
//!
//! *Assumptions*: While a replication runs, rows that have not arrived yet are differences, unless the options let them
//! be compared again.
//!
//! *Caveats*: Each side keeps a transaction open during the comparison, which holds back vacuum. Sequences are not part
//! of a snapshot; their current positions are read. Not compared: comments, owners, rules, event triggers,
//! publications, foreign tables, range types, and settings of roles and databases.
//!
//! *May depend on* `infra-base`, `infra-connect` and PostgreSQL client crates.
//!
//! *Must never know* AWS, the configuration, a stack or a command.

mod bisect;
mod canonical;
mod catalog;
mod checksum;
mod compared_table;
mod connect;
mod database;
mod error;
mod incomplete;
mod indexes;
mod large_objects;
mod objects;
mod options;
mod progress;
mod range;
mod recheck;
mod repair;
mod repairs;
mod result;
mod row_diff;
mod row_differences;
mod run;
mod schema;
mod sequences;
mod server_info;
mod session;
mod sql;
mod structure;
mod table;
mod table_filter;
mod table_statements;
mod tokens;
mod unkeyed;
mod values;
mod verdict;

pub use error::{CompareError, Side};
pub use incomplete::NotCompared;
pub use indexes::{IndexDifference, IndexKind};
pub use infra_connect::{DatabaseError, Endpoint, SslMode, UrlError};
pub use large_objects::LargeObjects;
pub use objects::{ObjectDifference, ObjectKind};
pub use options::Options;
pub use progress::Progress;
pub use repair::Repair;
pub use result::{Comparison, TableResult};
pub use row_differences::{RowDifferences, RowKey};
pub use run::compare;
pub use schema::SchemaDifference;
pub use sequences::{SequenceDifference, SequenceState};
pub use table_filter::{TablePattern, TablePatternError};
pub use verdict::Verdict;
