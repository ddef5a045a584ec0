//! The report of a cutover, for a change ticket: who did what and when, the verdicts of the gates, and the outcome.

mod append;
mod markdown;
mod model;

pub use model::{ApprovalRecord, CutoverReport, GateValues, HookRun, Initiator, Note, TrafficChange, VerdictChange};
