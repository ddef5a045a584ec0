//! Applies the transactions of the source to the target, with the error policies of DMS.
//!
//! The unit of work is [`Applier::apply`]: it commits transactions of the source on the target, in the order of their
//! commits, and remembers the position of the last one. The caller moves the slot to that position afterwards. What was
//! committed but not confirmed is applied again after a restart: inserts then conflict and are dropped by the default
//! policy, updates are repeated, deletes find nothing. That is also how DMS resumes.
//!
//! Two modes: *transactional* ("AWS DMS processes changes in a transactional mode, which preserves transactional
//! integrity") and *batch* (`BatchApplyEnabled`; "this option efficiently groups transactions and applies them in
//! batches", DMS user guide, "Change processing tuning settings").

mod applier;
mod batch;
mod catalog;
mod classify;
mod counters;
mod error;
mod event;
mod exceptions;
mod faults;
mod lob;
mod mode;
mod net;
mod one_by_one;
mod options;
mod plan;
mod policy;
mod session;
mod statement;
mod text;
mod verdict;

#[cfg(test)]
mod tests;

pub use applier::{Applied, Applier, Phase};
pub use catalog::{CatalogError, Convert, Route, TargetCatalog, Verbatim};
pub use counters::{Counters, TableCounters};
pub use error::ApplyError;
pub use event::Event;
pub use faults::{Fault, Faults, NoFaults};
pub use lob::LobKind;
pub use options::Options;
pub use policy::{Action, DdlHandling, Policies, PolicyError};
