//! `up`: observe, ensure, wait for ready, and write down each of the two moments before anybody builds on it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::down::DownSteps;
use super::run::{Context, Report, StepEnd, Steps, run};
use super::scheduler::Released;
use super::step::{StepLog, cx, look, may_be_hidden, moved, new_token, registered, worth_settling};
use crate::events::Event;
use crate::graph::{OutputRef, resolve};
use crate::plan::{Action, Change, Plan, Step};
use crate::resource::{Cx, Error, Kind, Observed, Result, kind, told};
use crate::state::{Entry, JournalError, Op, ROLLBACK, Record, Status, UP};

/// Carries out a plan of `up`.
///
/// # Errors
/// Only when the journal cannot be written at all; failed steps are in the report.
pub async fn up(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    run(context, UP, plan, UpSteps::new(context)).await
}

/// Carries out a plan of `rollback`: deletions, and changes back to what was before.
///
/// # Errors
/// Only when the journal cannot be written at all; failed steps are in the report.
pub async fn rollback(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    run(context, ROLLBACK, plan, UpSteps::new(context)).await
}

/// Why a step that would have to become a replacement ends.
const ANOTHER: &str = "what it refers to was made anew in this run, so it has to be replaced, which was not planned; the next `up` plans it";

/// Whether inputs that can not be changed are others than those that it was made with.
fn is_another(kind: &dyn Kind, entry: &Entry, spec: &Value) -> bool {
    entry.attrs.is_some() && kind.about().immutable.iter().any(|field| entry.spec.get(*field) != spec.get(*field))
}

/// The specification in which what others have changed and may is as they have made it.
fn left_as_it_is(kind: &dyn Kind, wanted: &Value, seen: Option<&Value>, fields: &[String]) -> Value {
    let Some(seen) = seen else { return wanted.clone() };
    fields.iter().fold(wanted.clone(), |spec, field| told::as_shown(kind, &spec, seen, field).unwrap_or(spec))
}

/// The attributes in which what others have changed and may is as this tool has left it: so it goes on being seen.
fn as_it_was(left: Option<(&Entry, &[String])>, attrs: Value) -> Value {
    let Some((Entry { attrs: Some(before), .. }, fields)) = left else { return attrs };
    fields.iter().fold(attrs, |attrs, field| match told::at(before, field) {
        Some(value) => told::put(attrs, field, value),
        None => attrs,
    })
}

struct UpSteps {
    context: Context,
    down: DownSteps,
}

#[async_trait]
impl Steps for UpSteps {
    async fn run(&self, step: &Step, released: Released) -> Result<StepEnd, (Option<String>, Error)> {
        match step.action {
            Action::Nothing if step.seen && step.moves.is_none() => {
                Ok(StepEnd { id: self.id(step).unwrap_or_default(), action: "none", changed: false })
            }
            Action::Delete => self.down.run(step, released).await,
            Action::Restore => {
                moved(&self.context, step).await.map_err(|error| (None, error))?;
                Ok(StepEnd { id: self.id(step).unwrap_or_default(), action: "restore", changed: true })
            }
            _ => Box::pin(self.bring(step, released)).await.map_err(|error| (self.id(step), error)),
        }
    }
}

impl UpSteps {
    fn new(context: &Context) -> Self {
        Self { context: context.clone(), down: DownSteps { context: context.clone() } }
    }

    fn entry(&self, step: &Step) -> Option<Entry> {
        self.context.journal.read(|state| state.get(&step.address).cloned())
    }

    fn id(&self, step: &Step) -> Option<String> {
        Some(kind(&step.kind)?.id(self.entry(step)?.attrs.as_ref()?))
    }

    async fn bring(&self, step: &Step, mut released: Released) -> Result<StepEnd> {
        let kind = registered(&step.kind)?;
        let lookup = |output: &OutputRef| self.context.journal.read(|state| state.output(output));
        let spec = resolve(&step.spec, &lookup)?;
        moved(&self.context, step).await?;
        let mut before = self.entry(step);
        let mut hidden = may_be_hidden(before.as_ref());
        for attempt in 0.. {
            let token = before.as_ref().map_or_else(|| new_token(&self.context.stack, &step.address), |entry| entry.token.clone());
            let op = if before.as_ref().is_some_and(|entry| entry.attrs.is_some()) { Op::Update } else { Op::Create };
            let log = Arc::new(StepLog::new(&self.context.journal, op, step, &spec, step.lasting_needs(), &token));
            let mut cx = cx(&self.context, step, &token, Arc::clone(&log));
            if before.is_some() {
                // Tags that others may change are none of ours.
                cx.identity.tags.retain(|key, _| !step.leaves.iter().any(|field| field.strip_prefix("tags.") == Some(key.as_str())));
            }
            let known = before.as_ref().and_then(|entry| entry.attrs.as_ref());
            let result = match look(&cx, kind, &spec, known, hidden).await {
                Err(error) => Err(error),
                Ok(Observed::Foreign { id, owner }) => return Err(Error::Foreign { id, owner }),
                Ok(Observed::Absent) if before.is_some() => {
                    // It was deleted behind our back, or never came to be: its old identity must not be used again.
                    if known.is_some() {
                        cx.notice("it is gone from AWS and is made again");
                    }
                    self.context.journal.write(vec![Record::Deleted { address: step.address.clone() }]).await?;
                    before = None;
                    hidden = false;
                    continue;
                }
                Ok(Observed::Absent) => self.finish(step, kind, &cx, &log, &spec, None, before.as_ref(), &mut released).await,
                Ok(Observed::Ours(seen)) if before.is_none() => {
                    // The state did not know it, and it is there: it is found, not made, and a rollback must not delete it.
                    let wrong = told::fixed(kind, &spec, &seen);
                    if !wrong.is_empty() {
                        return Err(self.found_another(step, kind, &spec, seen, &wrong, &token).await?);
                    }
                    let log = Arc::new(StepLog::new(&self.context.journal, Op::Update, step, &spec, step.lasting_needs(), &token));
                    let cx = super::step::cx(&self.context, step, &token, Arc::clone(&log));
                    self.finish(step, kind, &cx, &log, &spec, Some(seen), None, &mut released).await
                }
                Ok(Observed::Ours(_)) if before.as_ref().is_some_and(|entry| is_another(kind, entry, &spec)) => {
                    // What it refers to was made anew in this very run, which no plan could know. The next plan shows it, with all that it
                    // takes along, and asks what is protected and what holds data.
                    return Err(Error::Refused(ANOTHER.to_owned()));
                }
                Ok(Observed::Ours(seen)) => self.finish(step, kind, &cx, &log, &spec, Some(seen), before.as_ref(), &mut released).await,
            };
            match result {
                Err(error) if worth_settling(&error, attempt, &cx) => {
                    cx.notice(format!("{}; looking what became of it", crate::resource::describe(&error)));
                    cx.pause(Duration::from_secs(2 << attempt)).await?;
                    before = self.entry(step);
                    hidden = may_be_hidden(before.as_ref());
                }
                other => return other,
            }
        }
        Err(Error::Cancelled)
    }

    /// Takes down what was found and would have to be made anew, as it is: the next plan shows that. Returns why the step ends.
    async fn found_another(&self, step: &Step, kind: &dyn Kind, spec: &Value, seen: Value, wrong: &[Change], token: &str) -> Result<Error> {
        let (id, differs) = (kind.id(&seen), told::in_words(wrong));
        let Some(known) = told::as_it_is(kind, spec, wrong) else {
            return Ok(Error::Refused(format!(
                "`{id}` has the marks of this address and can not be it: {differs}; delete it, or take its tags away"
            )));
        };
        let log = StepLog::new(&self.context.journal, Op::Update, step, &known, step.lasting_needs(), token);
        log.write(vec![Record::Created { address: step.address.clone(), attrs: seen }]).await?;
        Ok(Error::Refused(format!("`{id}` was found, and has to be replaced, which was not planned: {differs}; the next `up` plans it")))
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one step, all of them needed, none of them belonging together elsewhere")]
    async fn finish(
        &self,
        step: &Step,
        kind: &dyn Kind,
        cx: &Cx,
        log: &StepLog,
        wanted: &Value,
        seen: Option<Value>,
        before: Option<&Entry>,
        released: &mut Released,
    ) -> Result<StepEnd> {
        let address = step.address.clone();
        let existed = seen.is_some();
        let left = before.filter(|_| existed).map(|entry| (entry, step.leaves.as_slice()));
        let spec = &left_as_it_is(kind, wanted, seen.as_ref(), left.map(|(_, fields)| fields).unwrap_or_default());
        let attrs = as_it_was(left, kind.ensure(cx, spec, seen).await?);
        if existed && (before.is_some_and(|entry| entry.tags != step.tags) || !cx.stray_tags().is_empty() || !cx.dropped_tags().is_empty()) {
            kind.retag(cx, spec, &attrs).await?;
        }
        let same =
            |entry: &Entry| entry.status == Status::Ready && entry.spec == *wanted && entry.tags == step.tags && entry.needs == step.lasting_needs();
        let up_to_date = !cx.has_changed() && before.is_some_and(|entry| same(entry) && entry.attrs.as_ref() == Some(&attrs));
        if !up_to_date {
            log.write(vec![Record::Created { address: address.clone(), attrs: attrs.clone() }]).await?;
            cx.events.send(Event::StepCreated { address: address.clone(), id: kind.id(&attrs) });
        }
        released.fire();
        let ready = as_it_was(left, kind.ready(cx, spec, attrs.clone()).await?);
        if !up_to_date || cx.has_changed() || ready != attrs {
            log.write(vec![Record::Ready { address, attrs: ready.clone() }]).await?;
        }
        let action = match (cx.has_changed(), existed) {
            (false, _) => "none",
            (true, false) => "create",
            (true, true) => "update",
        };
        Ok(StepEnd { id: kind.id(&ready), action, changed: cx.has_changed() })
    }
}
