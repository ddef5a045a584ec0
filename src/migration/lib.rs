//! The migration: replication, traffic shifts, gates and the cutover.
//!
//! The cutover is a pure state machine ([`cutover::step`]) whose gates are evaluated by pure functions
//! ([`gate::evaluate`]). Both work without a clock, files or AWS calls. [`cutover::Driver`] carries out their commands.
//! `docs/cutover.md` describes the guarantees.
//!
//! *May depend on* the configuration, the core, the kinds, the stack, and the positions of `infra-database`.
//! *Must never know* a command or how results are displayed.

pub mod cutover;
pub mod dns_check;
pub mod emergency_switch;
pub mod fallback;
pub mod fence;
pub mod gate;
pub mod phase;
pub mod program;
pub mod reach;
mod recorded;
pub mod records;
pub mod replication;
pub mod replication_health;
mod retry_idempotent;
pub mod rotation;
pub mod saved_records;
pub mod scale_in;
pub mod serving;
pub mod shift;
pub mod switchover;
pub mod task_count;
pub mod topology;
mod traffic_split;
mod unreadable;
pub mod validation;

pub use traffic_split::TrafficSplit;
pub use unreadable::UnreadableRecord;
