//! How the traffic and the databases moved.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::event::{Event, RowTime};

/// What a migration did.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Migration {
    /// The share of the target, each time that it changed.
    pub weights: Vec<Weight>,
    /// The lag of the replication, in seconds, as its gate read it.
    pub lag: Vec<Point>,
    /// The gates.
    pub gates: Vec<Gate>,
    /// The switchovers of the databases.
    pub switchovers: Vec<Switchover>,
    /// How the cutover ended.
    pub outcome: Option<String>,
    /// Why it ended like that.
    pub why: Option<String>,
    /// For how long no client could write, in seconds.
    pub without_writes_seconds: Option<f64>,
}

/// The share of the target at a moment.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Weight {
    /// When.
    pub at: f64,
    /// The share that the target had, in percent.
    pub live: u8,
    /// The share that it was to have.
    pub intended: u8,
    /// The phase of the cutover.
    pub phase: String,
}

/// A value at a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Point {
    /// When.
    pub at: f64,
    /// The value.
    pub value: f64,
}

/// A gate.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// Its verdicts, each until the next one.
    pub verdicts: Vec<Verdict>,
}

/// A verdict, as long as it was the same.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// From when.
    pub from: f64,
    /// To when.
    pub to: f64,
    /// `pass`, `fail`, `no data`, `error` or `not judged`.
    pub verdict: String,
    /// The first measurement with this verdict.
    pub text: String,
}

/// A switchover of the databases.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Switchover {
    /// The side whose database was the primary.
    pub from: String,
    /// The side whose database was to become it.
    pub to: String,
    /// How it ended.
    pub outcome: Option<String>,
    /// Why something did not continue as planned.
    pub why: Option<String>,
    /// Its rows, in the order in which they began.
    pub rows: Vec<Row>,
    /// How long clients could not write, in seconds.
    pub closed_seconds: Option<f64>,
    /// How long they were expected not to.
    pub forecast_seconds: Option<f64>,
}

/// A row of a switchover.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Whether it was undone.
    pub undone: bool,
    /// When it began.
    pub from: f64,
    /// When it ended.
    pub to: f64,
    /// The expected duration, in seconds.
    pub forecast: Option<f64>,
}

/// A part of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// From when.
    pub from: f64,
    /// To when; nothing if it has not ended.
    pub to: Option<f64>,
}

/// The first row in which clients cannot write (`infra_switchover::Row::Fence`).
const FIRST_CLOSED_ROW: &str = "fence";

/// Follows the events of a migration.
#[derive(Default)]
pub(super) struct Follower {
    found: Migration,
    happened: bool,
    forecast: BTreeMap<String, f64>,
}

impl Follower {
    pub(super) fn event(&mut self, at: f64, event: &Event) {
        match event {
            Event::Cutover { phase, live, intended, why } => {
                self.weight(at, *live, *intended, phase);
                self.found.why = why.clone().or_else(|| self.found.why.take());
            }
            Event::TrafficShifted { from, to } => {
                if let (Some(from), true) = (from, self.found.weights.is_empty()) {
                    self.weight(0.0, *from, *from, "");
                }
                self.weight(at, *to, *to, "");
            }
            Event::CutoverEnded { outcome, why } => {
                self.found.outcome = Some(outcome.clone());
                self.found.why.clone_from(why);
            }
            Event::Judged { gate, verdict, value, text } => self.judged(at, gate, verdict, *value, text),
            Event::Switchover { from, to, phase, row, why } => {
                self.switchover(at, [from, to], phase, row.as_deref(), why.as_ref());
            }
            Event::SwitchoverForecast { closed_seconds, rows } => {
                self.forecast.clone_from(rows);
                if let Some(last) = self.found.switchovers.last_mut() {
                    last.forecast_seconds = Some(*closed_seconds);
                }
            }
            Event::SwitchoverEnded { outcome, closed_seconds, forecast_seconds, rows } => {
                self.ended(outcome, *closed_seconds, *forecast_seconds, rows);
            }
            _ => return,
        }
        self.happened = true;
    }

    fn weight(&mut self, at: f64, live: u8, intended: u8, phase: &str) {
        let last = self.found.weights.last();
        let phase =
            if phase.is_empty() { last.map(|last| last.phase.clone()).unwrap_or_default() } else { phase.into() };
        if last.is_some_and(|last| last.live == live && last.intended == intended && last.phase == phase) {
            return;
        }
        self.found.weights.push(Weight { at, live, intended, phase });
    }

    fn judged(&mut self, at: f64, name: &str, verdict: &str, value: Option<f64>, text: &str) {
        if let Some(value) = value.filter(|value| value.is_finite() && name.contains("lag")) {
            self.found.lag.push(Point { at, value });
        }
        let gate = match self.found.gates.iter().position(|gate| gate.name == name) {
            Some(index) => &mut self.found.gates[index],
            None => {
                self.found.gates.push(Gate { name: name.to_owned(), verdicts: Vec::new() });
                let last = self.found.gates.len() - 1;
                &mut self.found.gates[last]
            }
        };
        if let Some(last) = gate.verdicts.last_mut() {
            last.to = at;
            if last.verdict == verdict {
                return;
            }
        }
        let (verdict, text) = (verdict.to_owned(), text.to_owned());
        gate.verdicts.push(Verdict { from: at, to: at, verdict, text });
    }

    fn switchover(&mut self, at: f64, [from, to]: [&String; 2], phase: &str, row: Option<&str>, why: Option<&String>) {
        let is_same = |last: &Switchover| last.outcome.is_none() && last.from == *from && last.to == *to;
        if !self.found.switchovers.last().is_some_and(is_same) {
            let (from, to) = (from.clone(), to.clone());
            self.found.switchovers.push(Switchover { from, to, ..Switchover::default() });
        }
        let Some(last) = self.found.switchovers.last_mut() else { return };
        if let Some(why) = why {
            last.why = Some(why.clone());
        }
        if let Some(row) = last.rows.last_mut() {
            row.to = at;
        }
        let undone = phase == "undoing";
        if let Some(name) = row
            && last.rows.last().is_none_or(|last| last.name != name || last.undone != undone)
        {
            let forecast = self.forecast.get(name).copied().filter(|_| !undone);
            last.rows.push(Row { name: name.to_owned(), undone, from: at, to: at, forecast });
        }
        if ["completed", "undone"].contains(&phase) {
            last.outcome = Some(phase.to_owned());
            let begins = last.rows.iter().find(|row| row.name == FIRST_CLOSED_ROW);
            last.closed_seconds = begins.map(|begins| at - begins.from);
        }
    }

    fn ended(&mut self, outcome: &str, closed: f64, forecast: Option<f64>, rows: &[RowTime]) {
        if self.found.switchovers.is_empty() {
            self.found.switchovers.push(Switchover::default());
        }
        let Some(last) = self.found.switchovers.last_mut() else { return };
        last.outcome = Some(outcome.to_owned());
        // What was undone was open again later than its rows were done.
        last.closed_seconds = Some(last.closed_seconds.unwrap_or_default().max(closed));
        last.forecast_seconds = forecast.or(last.forecast_seconds);
        for row in &mut last.rows {
            let of = rows.iter().find(|of| of.row == row.name && !row.undone);
            row.forecast = of.map(|of| of.forecast_seconds).or(row.forecast);
        }
    }

    /// Returns what happened until `end`, if a migration did.
    pub(super) fn finish(mut self, end: f64) -> Option<Migration> {
        if !self.happened {
            return None;
        }
        for row in self.found.switchovers.iter_mut().filter(|one| one.outcome.is_none()).flat_map(|one| &mut one.rows) {
            row.to = if row.to > row.from { row.to } else { end };
        }
        let closed: Vec<f64> = self.found.switchovers.iter().filter_map(|one| one.closed_seconds).collect();
        self.found.without_writes_seconds = (!closed.is_empty()).then(|| closed.iter().sum());
        Some(self.found)
    }
}
