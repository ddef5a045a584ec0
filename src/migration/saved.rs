//! All of a cutover that outlives the process, as the state keeps it.

use serde::{Deserialize, Serialize};

use super::record::Record as Report;
use super::schedule::{Command, Event, Input, Outcome, Phase, Progress, Schedule, Then, step};
use crate::state::{JournalError, Record, State};

/// All of a cutover that outlives the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Saved {
    /// When it began, in AWS's seconds since 1970.
    pub began: i64,
    /// How far it is.
    pub progress: Progress,
    /// What has happened so far.
    pub report: Report,
}

impl Saved {
    /// Returns what the state knows of the last cutover.
    pub fn of(state: &State) -> Option<Self> {
        serde_json::from_value(state.migration.cutover.clone()?).ok()
    }

    /// Returns whether it has not ended.
    pub fn is_under_way(&self) -> bool {
        self.progress.outcome().is_none()
    }

    /// Returns whether the same command goes on with it; otherwise that begins anew.
    pub fn can_go_on(&self) -> bool {
        self.progress.outcome().is_none_or(Outcome::can_go_on)
    }

    /// Returns whether all traffic was brought back, and nothing more is to be done.
    pub fn is_back(&self) -> bool {
        self.progress.outcome().is_some_and(Outcome::is_back)
    }

    /// Returns what the machine is told first when the command is run after this.
    pub fn first(before: Option<&Self>) -> Input {
        match before {
            Some(saved) if saved.is_under_way() => Input::Resumed,
            Some(saved) if saved.can_go_on() => Input::Restarted,
            _ => Input::Started,
        }
    }

    /// Returns what the machine is told first when a person asks for something of it. What is on its way back, or to its end, only goes on.
    pub fn asked(&self, input: Input) -> Input {
        let ends = match &self.progress.phase {
            Phase::RollingBack { .. } | Phase::Releasing { .. } | Phase::Observing { then: Then::Release { .. }, .. } => true,
            Phase::Observing { then: Then::End { .. }, .. } => matches!(input, Input::AbortAsked(_)),
            _ => false,
        };
        if ends { Input::Resumed } else { input }
    }

    /// Makes one step of the machine, so many seconds after it began. Returns what is to be done, and whether anything is new that has to be
    /// durable before that.
    pub fn take(&mut self, schedule: &Schedule, now: u64, input: Input) -> (Vec<Command>, bool) {
        let event = Event { now, input };
        let (progress, commands) = step(schedule, &self.progress, &event);
        let verdicts = self.report.verdicts.len();
        self.report.note(&self.at(now), &event, &self.progress, &progress);
        let is_news = progress != self.progress || self.report.verdicts.len() != verdicts;
        self.progress = progress;
        (commands, is_news)
    }

    /// Returns the record that makes it durable.
    ///
    /// # Errors
    /// None that is known of: all of it can be written as JSON.
    pub fn record(&self) -> Result<Record, JournalError> {
        let value = serde_json::to_value(self).map_err(|error| JournalError::Record(error.to_string()))?;
        Ok(Record::Cutover { saved: Some(value) })
    }

    /// Returns the time of day, so many seconds after it began.
    pub fn at(&self, now: u64) -> String {
        let started: Option<jiff::Timestamp> = self.report.started.parse().ok();
        let at = started.and_then(|started| started.checked_add(jiff::SignedDuration::from_secs(i64::try_from(now).ok()?)).ok());
        at.map_or_else(crate::clock::timestamp, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}
