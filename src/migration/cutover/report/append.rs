//! Adds a step of the machine to a report.

use super::model::{ApprovalRecord, CutoverReport, GateValues, Note, TrafficChange, VerdictChange};
use crate::TrafficSplit;
use crate::cutover::state_machine::{Event, Input, Phase, Progress};
use crate::gate::{Judgement, Verdict};

impl CutoverReport {
    /// Adds an event, with the progress of the cutover before and after it.
    pub fn append(&mut self, at: &str, event: &Event, before: &Progress, after: &Progress) {
        if let Input::Judged(judgements) = &event.input {
            for judgement in judgements {
                self.add_judgement(at, before.live, judgement);
            }
        }
        for approval in after.approvals.iter().skip(before.approvals.len()) {
            self.approvals.push(ApprovalRecord { at: at.to_owned(), live: approval.at, who: approval.who.clone() });
        }
        if let Some(text) = note(&event.input) {
            self.notes.push(Note { at: at.to_owned(), text });
        }
        if before.live != after.live {
            let why = self.reason(&event.input, before, after);
            self.changes.push(TrafficChange { at: at.to_owned(), from: before.live, to: after.live, why });
        }
        match (&before.phase, &after.phase) {
            (Phase::Done(_), Phase::Done(outcome)) if self.result.as_ref() == Some(outcome) => {}
            (_, Phase::Done(outcome)) => {
                self.result = Some(outcome.clone());
                self.ended = Some(at.to_owned());
            }
            // A cutover that had ended can resume.
            _ => {
                self.result = None;
                self.ended = None;
            }
        }
    }

    /// Returns why the split has changed.
    fn reason(&self, input: &Input, before: &Progress, after: &Progress) -> String {
        match (input, &before.phase) {
            (Input::RollbackDone, Phase::RollingBack { why, .. }) => why.clone(),
            (Input::ShiftDone(_), _) => {
                let steps = &self.plan.steps;
                format!("step {} of {}", steps.completed(after.live), steps.as_slice().len())
            }
            (_, Phase::Observing { .. }) if after.live == before.intended => {
                "observed after a shift with an unknown result".to_owned()
            }
            _ => "observed; not changed by this cutover".to_owned(),
        }
    }

    fn add_judgement(&mut self, at: &str, live: TrafficSplit, judgement: &Judgement) {
        let before = self.verdicts.iter().rev().find(|one| one.gate == judgement.gate).map(|one| one.verdict);
        if before != Some(judgement.verdict) {
            let (gate, text) = (judgement.gate.clone(), judgement.text.clone());
            self.verdicts.push(VerdictChange { at: at.to_owned(), live, gate, verdict: judgement.verdict, text });
        }
        if judgement.verdict == Verdict::NotJudged {
            return;
        }
        // The same split can occur twice, after a hold or an external change. It counts as one.
        let found = self.values.iter().position(|one| one.live == live && one.gate == judgement.gate);
        let index = found.unwrap_or_else(|| {
            let gate = judgement.gate.clone();
            self.values.push(GateValues { live, gate, judged: 0, passed: 0, min: None, max: None, last: None });
            self.values.len() - 1
        });
        let values = &mut self.values[index];
        values.judged += 1;
        values.passed += u32::from(judgement.verdict == Verdict::Pass);
        if let Some(value) = judgement.value {
            values.min = Some(values.min.map_or(value, |min| min.min(value)));
            values.max = Some(values.max.map_or(value, |max| max.max(value)));
            values.last = Some(value);
        }
    }
}

/// Returns the note about an event that has no other entry in the report.
fn note(input: &Input) -> Option<String> {
    Some(match input {
        Input::Resumed => "resumed after the process was killed".to_owned(),
        Input::Restarted => "resumed by an operator after it had ended".to_owned(),
        Input::Paused => "paused".to_owned(),
        Input::Continued => "continued".to_owned(),
        Input::AbortRequested(who) => format!("abort requested: {who}"),
        Input::RollbackRequested(who) => format!("rollback requested: {who}"),
        Input::ShiftFailed(_, why) => format!("a shift failed: {why}"),
        Input::ObserveFailed(why) => format!("the split of the traffic could not be observed: {why}"),
        Input::QuiesceFailed(why) => format!("the quiesce command failed: {why}"),
        Input::LagZero => "the replication lag was zero".to_owned(),
        Input::LagTimeout => "the replication lag did not reach zero in time".to_owned(),
        Input::RollbackFailed(why) => format!("a rollback failed, and is tried again: {why}"),
        Input::TargetTakenOut(why) => {
            format!("the weights could not be set, so the emergency switch has taken the target out: {why}")
        }
        Input::RollbackRefused(why) => format!("no traffic was sent back, because the source is not healthy: {why}"),
        Input::Unmonitored(why) => format!("the cutover could not be monitored any more: {why}"),
        Input::ReleaseFailed(why) => format!("the release command failed: {why}"),
        Input::NoOperator => "there was no operator to ask".to_owned(),
        _ => return None,
    })
}
