//! The stored events of a run: the lines of `events.jsonl`. They are those of `docs/events.md`, with the time.

use std::collections::BTreeMap;

use serde::Deserialize;

/// An event with its time.
#[derive(Clone, Debug, Deserialize)]
pub struct Line {
    /// AWS seconds since the run began.
    pub at_seconds: f64,
    /// The event.
    #[serde(flatten)]
    pub event: Event,
}

/// An event, as far as a timeline shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[expect(missing_docs, reason = "docs/events.md describes each field")]
pub enum Event {
    RunStarted {
        command: String,
    },
    StepStarted {
        address: String,
        action: String,
    },
    StepWaiting {
        address: String,
        what: String,
        status: String,
    },
    StepCreated {
        address: String,
    },
    StepDone {
        address: String,
        action: String,
        id: String,
    },
    StepFailed {
        address: String,
        action: String,
        error: String,
        aws: Option<serde_json::Value>,
    },
    StepBlocked {
        address: String,
        by: String,
    },
    Call {
        address: String,
        call: String,
        millis: u64,
        code: Option<String>,
    },
    Notice {
        address: Option<String>,
        text: String,
    },
    RunFinished {
        outcome: String,
        reads: u64,
        mutations: u64,
    },
    Cutover {
        phase: String,
        live: u8,
        intended: u8,
        why: Option<String>,
    },
    CutoverEnded {
        outcome: String,
        why: Option<String>,
    },
    TrafficShifted {
        from: Option<u8>,
        to: u8,
    },
    Judged {
        gate: String,
        verdict: String,
        value: Option<f64>,
        text: String,
    },
    HookEnded {
        name: String,
        exit_code: Option<i32>,
        seconds: u64,
    },
    Switchover {
        from: String,
        to: String,
        phase: String,
        row: Option<String>,
        why: Option<String>,
    },
    SwitchoverForecast {
        closed_seconds: f64,
        rows: BTreeMap<String, f64>,
    },
    SwitchoverEnded {
        outcome: String,
        closed_seconds: f64,
        forecast_seconds: Option<f64>,
        rows: Vec<RowTime>,
    },
    ReplicationPhase {
        address: String,
        phase: String,
        state: String,
    },
    RehearsalPhase {
        phase: String,
    },
    RehearsalPhaseEnded {
        phase: String,
    },
    #[serde(other)]
    Other,
}

/// The time of a row of a switchover.
#[derive(Clone, Debug, Deserialize)]
pub struct RowTime {
    /// Its name.
    pub row: String,
    /// The forecast.
    pub forecast_seconds: f64,
    /// How long it took, if it was done.
    pub measured_seconds: Option<f64>,
}

/// Reads the lines of `events.jsonl`. Lines that are no events are left out: the last one may be torn.
pub fn lines(text: &str) -> impl Iterator<Item = Line> {
    text.lines().filter_map(|line| serde_json::from_str::<Line>(line).ok()).filter(|line| line.at_seconds.is_finite())
}
