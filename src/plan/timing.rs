//! How long a step typically takes.

use std::time::Duration;

use super::{Action, Change};
use crate::graph::Timing;
use crate::resource::{Kind, about, kind};

/// What a change in place takes, in seconds, when its kind says nothing else: a call and a look.
const CHANGE_SECONDS: u32 = 3;

/// How long a step of this kind takes. What is not known as a kind takes no time.
pub(super) fn of(name: &str, action: &Action) -> Timing {
    match action {
        Action::Nothing | Action::Restore | Action::Stuck { .. } => Timing::default(),
        Action::Update { changes } => in_place(name, changes),
        // What was being made has no changes.
        Action::Resume { changes } if !changes.is_empty() => in_place(name, changes),
        _ => kind(name).map(<dyn Kind>::timing).unwrap_or_default(),
    }
}

/// The longest of the changes. Tags alone, and what waits for a maintenance window, take a second; what has waited may be any of what can.
fn in_place(name: &str, changes: &[Change]) -> Timing {
    let about = about(name);
    let declared = about.change_seconds;
    let longest_wait = || declared.iter().filter(|(field, _)| about.windowed.contains(field)).map(|(_, seconds)| *seconds).max();
    let takes = |change: &Change| match declared.iter().find(|(field, _)| *field == change.field) {
        _ if change.hastens => longest_wait().unwrap_or(CHANGE_SECONDS),
        _ if change.is_tags() || change.waits_for_window => 0,
        Some((_, seconds)) => *seconds,
        None => CHANGE_SECONDS,
    };
    let seconds = changes.iter().map(takes).max().unwrap_or(CHANGE_SECONDS);
    Timing { created: Duration::from_secs(1), ready: Duration::from_secs(seconds.into()) }
}
