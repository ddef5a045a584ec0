//! Comparing two PostgreSQL databases: the tool's own answer to "has everything arrived?".
//!
//! *Guarantees*: nothing is written to either database, each side is read as of one instant, rows do not leave the servers (they are hashed
//! there), memory does not grow with the number of rows, and what could not be compared is never called equal.
//!
//! *Assumptions*: while changes still flow, rows that have not arrived yet are differences; compare again when the lag is zero.
//!
//! *Caveats*: each side keeps one transaction open as long as the comparison takes, which holds back vacuum there. Sequences have no
//! instant: they are read as they are.

mod catalog;
mod connect;
mod database;
mod endpoint;
mod error;
mod extras;
mod findings;
mod leaf;
mod narrow;
mod options;
mod pattern;
mod progress;
mod range;
mod reason;
mod result;
mod run;
mod schema;
mod sequences;
mod session;
mod sql;
mod table;
mod tally;
mod tls;

pub use endpoint::{Endpoint, SslMode, UrlError};
pub use error::{CompareError, Side};
pub use extras::{ExtraFinding, ExtraKind};
pub use findings::{RowFindings, RowKey};
pub use options::Options;
pub use pattern::{Pattern, PatternError};
pub use progress::Progress;
pub use reason::Trouble;
pub use result::{Comparison, TableResult, Verdict};
pub use run::compare;
pub use schema::SchemaFinding;
pub use sequences::{SequenceFinding, SequenceState};
