//! Stored runs, as files, and what is read out of them.

mod chart;
mod estimates;
mod model;
mod page;

use crate::{Timeline, lines};

/// Reads a stored run.
fn timeline(run: &str, events: &str) -> Timeline {
    Timeline::of(serde_json::from_str(run).expect("a run"), lines(events))
}

/// An `up` of which a step fails.
fn up() -> Timeline {
    timeline(include_str!("runs/up.json"), include_str!("runs/up.jsonl"))
}

/// A cutover with a switchover.
fn cutover() -> Timeline {
    timeline(include_str!("runs/cutover.json"), include_str!("runs/cutover.jsonl"))
}
