//! Taking in a step of the machine.

use super::{Approved, Change, Judged, Note, Record, Values};
use crate::migration::Split;
use crate::migration::gate::{Judgement, Verdict};
use crate::migration::schedule::{Event, Input, Phase, Progress};

impl Record {
    /// Takes in what happened, and what the cutover was before and is after.
    pub fn note(&mut self, at: &str, event: &Event, before: &Progress, after: &Progress) {
        if let Input::Judged(judgements) = &event.input {
            for judgement in judgements {
                self.judged(at, before.live, judgement);
            }
        }
        for approval in after.approvals.iter().skip(before.approvals.len()) {
            self.approvals.push(Approved { at: at.to_owned(), live: approval.at, who: approval.who.clone() });
        }
        if let Some(text) = told(&event.input) {
            self.notes.push(Note { at: at.to_owned(), text });
        }
        if before.live != after.live {
            let why = self.why(&event.input, before, after);
            self.changes.push(Change { at: at.to_owned(), from: before.live, to: after.live, why });
        }
        match (&before.phase, &after.phase) {
            (Phase::Done(_), Phase::Done(outcome)) if self.result.as_ref() == Some(outcome) => {}
            (_, Phase::Done(outcome)) => {
                self.result = Some(outcome.clone());
                self.ended = Some(at.to_owned());
            }
            // It goes on after it had ended.
            _ => {
                self.result = None;
                self.ended = None;
            }
        }
    }

    fn why(&self, input: &Input, before: &Progress, after: &Progress) -> String {
        match (input, &before.phase) {
            (Input::RollbackDone, Phase::RollingBack { why, .. }) => why.clone(),
            (Input::ShiftDone(_), _) => {
                let steps = &self.schedule.steps;
                format!("step {} of {}", steps.done(after.live), steps.as_slice().len())
            }
            (_, Phase::Observing { .. }) if after.live == before.intended => {
                "seen after it had not been known whether the shift took place".to_owned()
            }
            _ => "found like this; it was not done here".to_owned(),
        }
    }

    fn judged(&mut self, at: &str, live: Split, judgement: &Judgement) {
        let before = self.verdicts.iter().rev().find(|one| one.gate == judgement.gate).map(|one| one.verdict);
        if before != Some(judgement.verdict) {
            let (gate, text) = (judgement.gate.clone(), judgement.text.clone());
            self.verdicts.push(Judged { at: at.to_owned(), live, gate, verdict: judgement.verdict, text });
        }
        if judgement.verdict == Verdict::NotJudged {
            return;
        }
        // The same division can come twice: after a hold, or a change by hand. It counts as one.
        let found = self.values.iter().position(|one| one.live == live && one.gate == judgement.gate);
        let index = found.unwrap_or_else(|| {
            let gate = judgement.gate.clone();
            self.values.push(Values { live, gate, judged: 0, passed: 0, min: None, max: None, last: None });
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

/// What is told of an event that leaves no other trace.
fn told(input: &Input) -> Option<String> {
    Some(match input {
        Input::Resumed => "started again after it had been killed".to_owned(),
        Input::Restarted => "started again by a person after it had ended".to_owned(),
        Input::Paused => "paused".to_owned(),
        Input::Continued => "continued".to_owned(),
        Input::AbortAsked(who) => format!("to be aborted: {who}"),
        Input::RollbackAsked(who) => format!("to be rolled back: {who}"),
        Input::ShiftFailed(_, why) => format!("a shift failed: {why}"),
        Input::ObserveFailed(why) => format!("it was not possible to see where the traffic is: {why}"),
        Input::QuiesceFailed(why) => format!("the quiesce command failed: {why}"),
        Input::LagZero => "the replication lag was zero".to_owned(),
        Input::LagTimeout => "the replication lag did not become zero in time".to_owned(),
        Input::RollbackFailed(why) => format!("a roll-back failed: {why}"),
        Input::ReleaseFailed(why) => format!("the release command failed: {why}"),
        Input::NobodyThere => "nobody was there to be asked".to_owned(),
        _ => return None,
    })
}
