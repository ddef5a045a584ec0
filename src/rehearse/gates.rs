//! The verdicts of gates, from the events of a cutover.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use infra_core::events::{Event, Events};
use infra_rehearsal::{GateVerdict, now};

use crate::status::Observer;

/// Collects the first verdict of each gate, and each change of a verdict.
#[derive(Clone, Debug, Default)]
pub(crate) struct Gates(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    last: HashMap<String, &'static str>,
    verdicts: Vec<GateVerdict>,
    /// What the driver does.
    activity: String,
}

impl Gates {
    /// Returns a listener for the events of a step, which also sends them to the observer.
    pub(crate) fn events(&self, observer: Arc<dyn Observer>) -> Events {
        let state = Arc::clone(&self.0);
        Events::to(move |event| {
            observer.event(&event);
            state.lock().unwrap_or_else(PoisonError::into_inner).take(event);
        })
    }

    /// Returns the verdicts so far.
    pub(crate) fn verdicts(&self) -> Vec<GateVerdict> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).verdicts.clone()
    }

    /// Returns what the driver does.
    pub(crate) fn activity(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).activity.clone()
    }
}

impl State {
    fn take(&mut self, event: Event) {
        match event {
            Event::Judged { gate, verdict, text, .. } if self.last.insert(gate.clone(), verdict) != Some(verdict) => {
                let verdict = verdict.to_owned();
                self.verdicts.push(GateVerdict { at: now(), gate, verdict, detail: text });
            }
            Event::Cutover { phase, live, intended, .. } => {
                self.activity = match live == intended {
                    true => format!("{phase}, {live} % on the target"),
                    false => format!("{phase}, from {live} to {intended} % on the target"),
                };
            }
            Event::Switchover { phase, row, .. } => {
                self.activity = format!("switchover: {phase} {}", row.unwrap_or_default());
            }
            Event::Replication { status, full_load_percent, .. } => {
                self.activity = format!("{status}, full load {full_load_percent} %");
            }
            Event::ReplicationPhase { phase, state, .. } => self.activity = format!("phase {phase}: {state}"),
            Event::StepStarted { address, action } => self.activity = format!("{action} {address}"),
            _ => {}
        }
    }
}
