//! What a stored run did, and when: its steps with their waits and retries, its critical path, its errors, the calls
//! for each service, and how the traffic moved.
//!
//! [`Timeline::of`] turns the events of a run into a model. [`chart`] draws it for a terminal, and [`html`] writes it
//! as a page. [`measured`] is what runs teach about durations.
//!
//! *Guarantees*: It is pure: the same events give the same bytes. Events that it does not know, fields that are missing
//! and lines that are torn are no errors. The text of others cannot control a terminal or a page.
//!
//! *Must never know* files, AWS, kinds, or a command-line option.

mod event;
pub mod html;
mod measured;
mod model;
mod record;
mod terminal;
mod text;

#[cfg(test)]
mod tests;

pub use event::{Event, Line, RowTime, lines};
pub use measured::{Measured, Sample, measured, samples};
pub use model::{
    Bar, CallsOfService, End, Failure, Gate, Migration, Phase, Point, Retry, Row, Switchover, Timeline, Verdict, Wait,
    Weight,
};
pub use record::{EndpointKind, FORMAT, Moment, Need, PlannedRun, PlannedStep, RunRecord};
pub use terminal::chart;
pub use text::{duration, expectation};
