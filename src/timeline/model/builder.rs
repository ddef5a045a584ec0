//! Reads a timeline out of events.

use std::collections::BTreeMap;

use super::calls::Calls;
use super::critical_path::critical_path;
use super::migration::{Follower, Phase};
use super::steps::{Bar, End, Retry, Wait};
use super::timeline::{Failure, Timeline};
use crate::event::{Event, Line};
use crate::record::{Need, PlannedStep, RunRecord};

pub(super) fn build(run: RunRecord, lines: impl IntoIterator<Item = Line>) -> Timeline {
    let planned =
        run.plan.iter().flat_map(|plan| &plan.steps).map(|step| (step.address.clone(), step.clone())).collect();
    let mut builder = Builder { planned, ..Builder::default() };
    for Line { at_seconds, event } in lines {
        // Events of different tasks can be stored in another order than they occurred in, by microseconds.
        builder.now = builder.now.max(at_seconds);
        builder.event(event);
    }
    builder.finish(run)
}

#[derive(Default)]
struct Builder {
    planned: BTreeMap<String, PlannedStep>,
    /// The latest moment so far.
    now: f64,
    steps: Vec<Bar>,
    /// The last step of each resource.
    last: BTreeMap<String, usize>,
    /// The last call of each resource, and its error code.
    last_call: BTreeMap<String, (f64, String, Option<String>)>,
    calls: Calls,
    errors: Vec<Failure>,
    notices: Vec<Failure>,
    phases: Vec<Phase>,
    /// When the current part of the run began.
    began: f64,
    migration: Follower,
}

impl Builder {
    fn event(&mut self, event: Event) {
        self.migration.event(self.now, &event);
        match event {
            Event::RunStarted { command } => {
                self.interrupt();
                self.began = self.now;
                self.begin(command);
            }
            Event::RunFinished { .. } => {
                self.interrupt();
                self.end_of_phase();
            }
            Event::RehearsalPhase { phase } => self.begin(phase),
            Event::ReplicationPhase { address, phase, state } if state == "begun" => {
                self.begin(format!("{address}: {phase}"));
            }
            Event::RehearsalPhaseEnded { .. } | Event::ReplicationPhase { .. } => self.end_of_phase(),
            Event::StepStarted { address, action } => self.start(address, action),
            Event::StepWaiting { address, what, status } => {
                let now = self.now;
                if let Some(bar) = self.current(&address) {
                    end_of_wait(bar, now);
                    bar.waits.push(Wait { from: now, to: now, what, status });
                }
            }
            Event::StepCreated { address } => {
                let now = self.now;
                if let Some(bar) = self.current(&address) {
                    bar.created.get_or_insert(now);
                }
            }
            Event::StepDone { address, action, .. } => {
                let end = if action == "none" { End::Unchanged } else { End::Done };
                self.end(&address, end, Some(action));
            }
            Event::StepFailed { address, action, error, aws } => {
                if !self.is_open(&address) {
                    self.start(address.clone(), action.clone());
                }
                self.end(&address, End::Failed, Some(action));
                self.errors.push(self.failure(Some(address), failure_text(&error, aws.as_ref())));
            }
            Event::StepBlocked { address, by } => {
                let action = self.planned.get(&address).map(|step| step.action.clone()).unwrap_or_default();
                self.start(address.clone(), action);
                self.end(&address, End::Blocked, None);
                let text = format!("not attempted, because it depends on {by}");
                self.errors.push(self.failure(Some(address), text));
            }
            Event::Call { address, call, millis, code } => self.call(&address, call, millis, code),
            Event::Notice { address, text } => self.notices.push(self.failure(address, text)),
            Event::HookEnded { name, exit_code, seconds } => {
                let code = exit_code.map_or_else(|| "without an exit code".to_owned(), |code| format!("with {code}"));
                let text = format!("the {name} command ended {code} after {seconds} s");
                self.notices.push(self.failure(None, text));
            }
            _ => {}
        }
    }

    fn begin(&mut self, name: String) {
        self.end_of_phase();
        self.phases.push(Phase { name, from: self.now, to: None });
    }

    fn end_of_phase(&mut self) {
        if let Some(last) = self.phases.last_mut() {
            last.to.get_or_insert(self.now);
        }
    }

    fn is_open(&self, address: &str) -> bool {
        self.last.get(address).is_some_and(|index| self.steps[*index].end == End::Interrupted)
    }

    /// Returns the step of a resource that has not ended.
    fn current(&mut self, address: &str) -> Option<&mut Bar> {
        let index = *self.last.get(address)?;
        Some(&mut self.steps[index]).filter(|bar| bar.end == End::Interrupted)
    }

    fn start(&mut self, address: String, action: String) {
        let now = self.now;
        if let Some(bar) = self.current(&address) {
            bar.finish = now;
        }
        let planned = self.planned.get(&address).cloned().unwrap_or_default();
        let reached = planned.needs.iter().filter_map(|need| self.reached(need));
        let possible = reached.fold(self.began, f64::max).min(now);
        self.last_call.remove(&address);
        self.last.insert(address.clone(), self.steps.len());
        self.steps.push(Bar {
            expected: Some(planned.expected_seconds).filter(|_| !planned.address.is_empty()),
            address,
            kind: planned.kind,
            action,
            operation: planned.operation,
            possible,
            start: now,
            created: None,
            finish: now,
            end: End::Interrupted,
            waits: Vec::new(),
            retries: Vec::new(),
            needs: planned.needs,
        });
    }

    fn reached(&self, need: &Need) -> Option<f64> {
        self.last.get(&need.on).map(|index| self.steps[*index].reached(need))
    }

    fn end(&mut self, address: &str, end: End, action: Option<String>) {
        let now = self.now;
        let Some(bar) = self.current(address) else { return };
        end_of_wait(bar, now);
        bar.finish = now;
        bar.end = end;
        if let Some(action) = action.filter(|action| action != "none") {
            bar.action = action;
        }
    }

    /// Ends the steps that have not ended: the run was stopped.
    fn interrupt(&mut self) {
        let now = self.now;
        for bar in self.steps.iter_mut().filter(|bar| bar.end == End::Interrupted && bar.finish <= bar.start) {
            end_of_wait(bar, now);
            bar.finish = now;
        }
    }

    fn call(&mut self, address: &str, call: String, millis: u64, code: Option<String>) {
        self.calls.add(&call, millis, code.is_some());
        let before = self.last_call.insert(address.to_owned(), (self.now, call.clone(), code));
        if let Some((at, _, Some(code))) = before.filter(|(_, before, _)| *before == call)
            && let Some(bar) = self.current(address)
        {
            bar.retries.push(Retry { at, call, code });
        }
    }

    fn failure(&self, address: Option<String>, text: String) -> Failure {
        let step = address.as_ref().and_then(|address| self.last.get(address)).copied();
        Failure { at: self.now, address, text, step }
    }

    fn finish(mut self, run: RunRecord) -> Timeline {
        self.interrupt();
        let seconds = self.now.max(run.seconds.unwrap_or_default());
        // A part that is the whole run says nothing.
        if self.phases.len() < 2 {
            self.phases.clear();
        }
        Timeline {
            critical_path: critical_path(&self.steps),
            seconds,
            steps: self.steps,
            calls: self.calls.finish(),
            errors: self.errors,
            migration: self.migration.finish(seconds),
            phases: self.phases,
            notices: self.notices,
            is_under_way: false,
            run,
        }
    }
}

fn end_of_wait(bar: &mut Bar, now: f64) {
    if let Some(last) = bar.waits.last_mut()
        && last.to <= last.from
    {
        last.to = now;
    }
}

/// Returns an error with what AWS says about it, as far as the error does not say so itself.
fn failure_text(error: &str, aws: Option<&serde_json::Value>) -> String {
    let field = |name: &str| aws.and_then(|aws| aws.get(name)).and_then(serde_json::Value::as_str);
    let details = [("call", "call"), ("code", "code"), ("request_id", "request")];
    let details = details.iter().filter_map(|(name, label)| Some((label, field(name)?)));
    let details = details.filter(|(_, value)| !value.is_empty() && !error.contains(value));
    details.fold(error.to_owned(), |text, (label, value)| format!("{text}; {label} {value}"))
}
