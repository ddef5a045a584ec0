//! Lines about a cutover, without repetition.

use std::collections::BTreeMap;

use super::format::{duration, line};
use infra_core::events::Event;

/// Lines about what is new.
#[derive(Default)]
pub(super) struct LogLines {
    phase: Option<(String, u8)>,
    verdicts: BTreeMap<String, String>,
    health: BTreeMap<&'static str, (u32, u32)>,
}

impl LogLines {
    /// Returns the line for an event, unless it repeats the previous one.
    pub(super) fn next(&mut self, event: &Event, calls: bool) -> Option<String> {
        match event {
            Event::Cutover { phase, live, intended, seconds, until, step, steps, .. } => {
                let current = ((*phase).to_owned(), *live);
                if self.phase.replace(current.clone()) == Some(current) {
                    return None;
                }
                let to = if intended == live { String::new() } else { format!(", shifting to {intended} %") };
                let left = until
                    .map(|until| format!(", {} left", duration(until.saturating_sub(*seconds))))
                    .unwrap_or_default();
                Some(format!("{}  {phase} at {live} %{to} (step {step} of {steps}{left})", clock(*seconds)))
            }
            Event::Judged { gate, verdict, text, .. } => {
                let before = self.verdicts.insert(gate.clone(), (*verdict).to_owned());
                (before.as_deref() != Some(*verdict)).then(|| format!("       {verdict:<10} {gate}: {text}"))
            }
            Event::Health { environment, healthy, desired } => {
                let before = self.health.insert(environment, (*healthy, *desired));
                let is_new = before != Some((*healthy, *desired));
                is_new.then(|| format!("       {environment}: {healthy} of {desired} targets healthy"))
            }
            other => line(other, calls),
        }
    }
}

/// Returns hours, minutes and seconds since the start.
pub(super) fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}
