//! The switchover: the primary moves from one database to the other, behind closed fences, and no payment is lost.
//!
//! [`machine`] decides, [`Driver`] carries out, [`Operations`] is what a caller implements for its load balancers,
//! replication and services, and [`sql`] has the rows that are SQL alone. Going back is the same with the sides
//! exchanged ([`Direction::reversed`]).
//!
//! *Guarantees*: If each operation does what [`Operations`] documents, then at any time at most one database accepts
//! writes of the service, and each environment that clients reach is connected to it. This holds for every order of
//! failures, time limits, aborts and kills. Until row [`Row::Open`] has begun, each of them is undone; afterwards the
//! switchover only continues. Both ways are tried until they succeed, so there is no final state but *completed* and
//! *undone*.
//!
//! *Assumptions*: One driver at a time; the [`Journal`] fails for any other. What a caller does outside of a switchover
//! keeps the rule too: before the start, the old database alone accepts writes, and open environments use it.
//!
//! *May depend on* `infra-base`, and on `infra-database` for what is SQL.
//!
//! *Must never know* AWS, a configuration file, a stack, a command, or how a connection is made.

mod abort;
mod direction;
mod driver;
mod evidence;
mod failure;
pub mod forecast;
mod journal;
pub mod machine;
mod moment;
mod operations;
mod row;
pub mod sql;

pub use abort::{AbortSignal, Aborter, abort_signal};
pub use direction::Direction;
pub use driver::{Driver, Stopped};
pub use evidence::{Before, Checked, Drained, Evidence, Found, MovedSequences};
pub use failure::{Effect, Failure, UndoFailure};
pub use journal::{Journal, JournalError};
pub use moment::Moment;
pub use operations::{Operations, Task};
pub use row::{Row, Undo};
