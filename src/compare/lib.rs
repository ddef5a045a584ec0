//! Compares two PostgreSQL databases, to verify that a replication is complete.
//!
//! *Guarantees*: Nothing is written to either database. Each side is read as of one instant. Rows do not leave the
//! servers; they are hashed there. Memory does not grow with the number of rows. Data that could not be compared is
//! never reported as equal.
//!
//! *Assumptions*: While a replication runs, rows that have not arrived yet are differences. Compare again when the lag
//! is zero.
//!
//! *Caveats*: Each side keeps a transaction open during the comparison, which holds back vacuum. Sequences are not part
//! of a snapshot; their current positions are read.
//!
//! *May depend on* `infra-base` and PostgreSQL client crates.
//!
//! *Must never know* AWS, the configuration, a stack or a command.

mod bisect;
mod catalog;
mod checksum;
mod connect;
mod database;
mod endpoint;
mod error;
mod error_text;
mod indexes;
mod options;
mod progress;
mod range;
mod result;
mod row_diff;
mod row_differences;
mod run;
mod schema;
mod sequences;
mod session;
mod sql;
mod table;
mod table_filter;
mod tls;

pub use endpoint::{Endpoint, SslMode, UrlError};
pub use error::{CompareError, Side};
pub use error_text::DatabaseError;
pub use indexes::{IndexDifference, IndexKind};
pub use options::Options;
pub use progress::Progress;
pub use result::{Comparison, TableResult, Verdict};
pub use row_differences::{RowDifferences, RowKey};
pub use run::compare;
pub use schema::SchemaDifference;
pub use sequences::{SequenceDifference, SequenceState};
pub use table_filter::{TablePattern, TablePatternError};
