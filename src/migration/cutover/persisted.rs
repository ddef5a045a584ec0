//! The part of a cutover that outlives the process, as the state stores it.

use serde::{Deserialize, Serialize};

use super::config::CutoverPlan;
use super::report::CutoverReport;
use super::state_machine::{Command, Event, Input, Next, Outcome, Phase, Progress, step};
use crate::TrafficSplit;
use crate::unreadable::{self, UnreadableRecord};
use infra_core::state::{JournalError, Record, State};

/// The part of a cutover that outlives the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PersistedCutover {
    /// When it began, in seconds since 1970 by the clock of AWS.
    pub began: i64,
    /// Its progress.
    pub progress: Progress,
    /// The report so far.
    pub report: CutoverReport,
}

impl PersistedCutover {
    /// Returns the last cutover that the state has.
    ///
    /// # Errors
    /// There is one, and it cannot be read. What it has done and waits for is not known, so nothing may be offered.
    pub fn of(state: &State) -> Result<Option<Self>, UnreadableRecord> {
        let saved = state.migration.cutover.as_ref();
        saved.map(|saved| unreadable::read(|| "a cutover".to_owned(), saved)).transpose()
    }

    /// Returns since when the current split has been live, in seconds since 1970, if traffic goes to the target.
    pub fn live_since(&self) -> Option<i64> {
        let began = (self.progress.live != TrafficSplit::SOURCE).then_some(self.began)?;
        Some(began.saturating_add(i64::try_from(self.progress.live_since).unwrap_or(i64::MAX)))
    }

    /// Returns whether the cutover has not ended.
    pub fn is_under_way(&self) -> bool {
        self.progress.outcome().is_none()
    }

    /// Returns whether the same command resumes this cutover. Otherwise it starts a new one.
    pub fn can_resume(&self) -> bool {
        self.progress.outcome().is_none_or(Outcome::can_resume)
    }

    /// Returns whether all traffic returned to the source and nothing is left to do.
    pub fn is_rolled_back(&self) -> bool {
        self.progress.outcome().is_some_and(Outcome::is_rolled_back)
    }

    /// Returns the first input of a process that runs the command after the cutover `before`.
    pub fn start_input(before: Option<&Self>) -> Input {
        match before {
            Some(saved) if saved.is_under_way() => Input::Resumed,
            Some(saved) if saved.can_resume() => Input::Restarted,
            _ => Input::Started,
        }
    }

    /// Returns the first input of a process that an operator started with a request. A cutover that is rolling back or
    /// about to end only resumes.
    pub fn request_input(&self, input: Input) -> Input {
        let is_ending = match &self.progress.phase {
            Phase::RollingBack { .. }
            | Phase::Releasing { .. }
            | Phase::Observing { next: Next::Release { .. }, .. } => true,
            Phase::Observing { next: Next::End { .. }, .. } => matches!(input, Input::AbortRequested(_)),
            _ => false,
        };
        if is_ending { Input::Resumed } else { input }
    }

    /// Advances the machine by one input, `now` seconds after the cutover began. Returns the commands, and whether
    /// there is news that must be durable before they are carried out.
    pub fn advance(&mut self, plan: &CutoverPlan, now: u64, input: Input) -> (Vec<Command>, bool) {
        let event = Event { now, input };
        let (progress, commands) = step(plan, &self.progress, &event);
        let verdicts = self.report.verdicts.len();
        self.report.append(&self.timestamp(now), &event, &self.progress, &progress);
        let is_news = progress != self.progress || self.report.verdicts.len() != verdicts;
        self.progress = progress;
        (commands, is_news)
    }

    /// Returns the journal record that makes the cutover durable.
    ///
    /// # Errors
    /// When serialization fails, which no known value causes.
    pub fn to_record(&self) -> Result<Record, JournalError> {
        let value = serde_json::to_value(self).map_err(|error| JournalError::Record(error.to_string()))?;
        Ok(Record::Cutover { saved: Some(value) })
    }

    /// Returns the seconds from its beginning to a time, which is in seconds since 1970.
    pub fn seconds_at(&self, unix_now: i64) -> u64 {
        u64::try_from(unix_now - self.began).unwrap_or_default()
    }

    /// Returns the time of day, `now` seconds after the cutover began.
    pub fn timestamp(&self, now: u64) -> String {
        let started: Option<jiff::Timestamp> = self.report.started.parse().ok();
        let at = started
            .and_then(|started| started.checked_add(jiff::SignedDuration::from_secs(i64::try_from(now).ok()?)).ok());
        at.map_or_else(infra_base::clock::timestamp, |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
    }
}
