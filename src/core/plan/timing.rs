//! The typical duration of steps, and the one that was measured.

use std::time::Duration;

use super::action::Action;
use super::diff::Change;
use super::durations::{Durations, Estimate};
use super::step::Step;
use crate::graph::Timing;
use crate::resource::KindRef;

/// The duration of an update, in seconds, unless the kind declares another one: one call and one read.
const CHANGE_SECONDS: u32 = 3;

/// Returns the duration of a step of this kind. Unknown kinds take no time.
pub(super) fn of(kind: Option<KindRef>, action: &Action) -> Timing {
    let Some(kind) = kind else { return Timing::default() };
    match action {
        Action::NoOp | Action::Restore | Action::Manual { .. } => Timing::default(),
        Action::Update { changes } => in_place(kind, changes),
        // A resumed creation has no changes.
        Action::Resume { changes } if !changes.is_empty() => in_place(kind, changes),
        _ => kind.timing(),
    }
}

/// Returns the measured duration of a step, or the typical one.
pub(super) fn estimate(step: &Step, measured: &Durations) -> Estimate {
    let Some(operation) = step.action.operation() else { return Estimate::exactly(step.timing) };
    measured.get(&step.kind, &operation).unwrap_or_else(|| match step.handler {
        Some(kind) if operation == "create" => typical_creation(kind),
        _ => Estimate::exactly(step.timing),
    })
}

/// Returns the typical duration of a creation, with what the kind declares about its range.
fn typical_creation(kind: KindRef) -> Estimate {
    let (schema, usual) = (kind.schema(), kind.timing());
    let ready = |seconds: u32| match seconds {
        0 => usual,
        seconds => Timing { ready: Duration::from_secs(seconds.into()), ..usual },
    };
    Estimate { least: ready(schema.ready_least_seconds), usual, most: ready(schema.ready_most_seconds) }
}

/// Returns the duration of the longest change. Tags, and changes that wait for a maintenance window, take a second. A
/// change that applies pending changes may take as long as the longest of them.
fn in_place(kind: KindRef, changes: &[Change]) -> Timing {
    let schema = kind.schema();
    let declared = schema.change_seconds;
    let longest_wait = || {
        declared
            .iter()
            .filter(|(field, _)| schema.maintenance_window.contains(field))
            .map(|(_, seconds)| *seconds)
            .max()
    };
    let takes = |change: &Change| match declared.iter().find(|(field, _)| *field == change.field) {
        _ if change.flushes_pending => longest_wait().unwrap_or(CHANGE_SECONDS),
        _ if change.is_tags() || change.waits_for_window => 0,
        Some((_, seconds)) => *seconds,
        None => CHANGE_SECONDS,
    };
    let seconds = changes.iter().map(takes).max().unwrap_or(CHANGE_SECONDS);
    Timing { created: Duration::from_secs(1), ready: Duration::from_secs(seconds.into()) }
}
