//! The rows that are SQL alone, ready for an implementation of [`crate::Operations`].
//!
//! Each function takes connections that the caller has opened for this operation, with a user like the master user of
//! RDS. Each can be repeated. Its error becomes a [`crate::Failure`] or an [`crate::UndoFailure`] with `?`.

mod check;
mod cut_off;
mod drain;
mod error;
mod fallback;
mod finish;
mod guards;
mod identities;
mod marker;
mod others;
mod predecessors;
mod prepare;
mod sequences;

pub use check::{Compared, check};
pub use cut_off::{advance_fallback, cut_off};
pub use drain::{Overdue, Patience, drain};
pub use error::{CountDifference, Error};
pub use fallback::fallback_start;
pub use finish::{Finish, Finished, OldGuard, finish};
pub use guards::{Service, open_new, reopen_old};
pub use identities::{accept_identities, note_identities, restore_identities};
pub use marker::{MarkerWait, marker};
pub use predecessors::end_predecessors;
pub use prepare::prepare;
pub use sequences::sequences;
