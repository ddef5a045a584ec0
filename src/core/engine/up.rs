//! `up`: observes, ensures, waits for ready, and records each of the two moments before a dependent starts.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::Value;

use super::down::DownSteps;
use super::duplicates::{ATTEMPTS, is_unknown_creation, remove_duplicates};
use super::preflight::preflight;
use super::run::{Context, Failure, Report, StepEnd, Steps, run};
use super::scheduler::CreatedSignal;
use super::step::{
    SHORTLY, StepLog, apply_moves, cx, doubted, known_kind, new_token, observe, should_look_again, should_reobserve,
};
use crate::events::Event;
use crate::graph::{OutputRef, resolve};
use crate::plan::{Action, Change, Plan, Step};
use crate::resource::{Error, Kind, ListCache, Observed, Result, StepContext, spec_from_observed};
use crate::state::{Entry, JournalError, Op, ROLLBACK, Record, Status, UP};

/// Executes a plan of `up`.
///
/// # Errors
/// The journal cannot be written at all. Failed steps are in the report.
pub async fn up(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    let steps = UpSteps::new(context, &plan, true);
    run(context, UP, plan, steps).await
}

/// Executes a plan of `rollback`: deletions, and updates to the previous specifications.
///
/// # Errors
/// The journal cannot be written at all. Failed steps are in the report.
pub async fn rollback(context: &Context, plan: Plan) -> Result<Report, JournalError> {
    let steps = UpSteps::new(context, &plan, false);
    run(context, ROLLBACK, plan, steps).await
}

/// The error of a step that turns out to require a replacement.
const UNPLANNED_REPLACEMENT: &str = "a resource that it refers to was replaced in this run, so it requires a \
    replacement that was not planned; the next `up` plans it";

/// Returns whether immutable inputs differ from those that the resource was created with.
fn requires_replacement(kind: &dyn Kind, entry: &Entry, spec: &Value) -> bool {
    let differs = |field: &str| {
        let new = spec.get(field).unwrap_or(&Value::Null);
        entry.spec.get(field).unwrap_or(&Value::Null) != new
            && !spec_from_observed::keeps_choice(kind, entry.attrs.as_ref(), field, new)
    };
    entry.attrs.is_some() && kind.schema().immutable.iter().any(|field| differs(field))
}

/// Returns the specification with the observed values of ignored fields.
fn with_ignored(kind: &dyn Kind, wanted: &Value, seen: Option<&Value>, fields: &[String]) -> Value {
    let Some(seen) = seen else { return wanted.clone() };
    fields.iter().fold(wanted.clone(), |spec, field| {
        spec_from_observed::with_observed_field(kind, &spec, seen, field).unwrap_or(spec)
    })
}

/// Returns the attributes with the last applied values of ignored fields, so that their differences remain visible.
fn without_ignored(left: Option<(&Entry, &[String])>, attrs: Value) -> Value {
    let Some((Entry { attrs: Some(before), .. }, fields)) = left else { return attrs };
    fields.iter().fold(attrs, |attrs, field| match spec_from_observed::get_field(before, field) {
        Some(value) => spec_from_observed::set_field(attrs, field, value),
        None => attrs,
    })
}

struct UpSteps {
    context: Context,
    /// Whether the specifications come from the configuration, not from the state.
    spec_is_configured: bool,
    /// What the steps read once for all of them.
    lists: Arc<ListCache>,
    /// The ids of what this run has created.
    created_ids: Mutex<BTreeSet<String>>,
    down: DownSteps,
}

#[async_trait]
impl Steps for UpSteps {
    async fn preflight(&self, plan: &Plan) -> Vec<Failure> {
        let state = self.context.journal.read(Clone::clone);
        preflight(&self.context.read_context(), &state, plan).await
    }

    async fn run(&self, step: &Step, released: CreatedSignal) -> Result<StepEnd, (Option<String>, Error)> {
        match step.action {
            Action::NoOp if step.verified && step.moves.is_none() => {
                self.down.parents.is_ours(&step.address);
                Ok(StepEnd { id: self.id(step).unwrap_or_default(), action: "none", changed: false })
            }
            Action::Delete => self.down.run(step, released).await,
            Action::Restore => {
                apply_moves(&self.context, step).await.map_err(|error| (None, error))?;
                Ok(StepEnd { id: self.id(step).unwrap_or_default(), action: "restore", changed: true })
            }
            _ => Box::pin(self.apply(step, released)).await.map_err(|error| (self.id(step), error)),
        }
    }
}

impl UpSteps {
    fn new(context: &Context, plan: &Plan, spec_is_configured: bool) -> Self {
        let lists = Arc::default();
        let down = DownSteps::new(context, plan);
        Self { context: context.clone(), spec_is_configured, lists, created_ids: Mutex::default(), down }
    }

    /// Refuses a part of a foreign resource. What the configuration names is judged by the configuration: the state may
    /// be wrong.
    async fn judge_parent(&self, kind: &dyn Kind, step: &Step, spec: &Value, seen: Option<&Value>) -> Result<()> {
        let is_the_configured_one =
            |seen: &&Value| self.spec_is_configured && spec_from_observed::immutable_diff(kind, spec, seen).is_empty();
        let seen = seen.filter(|seen| !is_the_configured_one(seen));
        self.down.parents.judge(&self.context, kind, &step.needs, spec, seen).await
    }

    fn entry(&self, step: &Step) -> Option<Entry> {
        self.context.journal.read(|state| state.get(&step.address).cloned())
    }

    /// Returns the ids of the resources that a step needs and that this run has created.
    fn needed_new_ids(&self, step: &Step) -> BTreeSet<String> {
        let needed = self.context.journal.read(|state| {
            let entries = step.needs.iter().filter_map(|need| state.get(&need.on));
            let ids = entries.filter_map(|entry| Some(self.context.kinds.get(&entry.kind)?.id(entry.attrs.as_ref()?)));
            ids.collect::<BTreeSet<_>>()
        });
        let created = self.created_ids.lock().unwrap_or_else(PoisonError::into_inner);
        needed.into_iter().filter(|id| created.contains(id)).collect()
    }

    fn id(&self, step: &Step) -> Option<String> {
        Some(step.handler?.id(self.entry(step)?.attrs.as_ref()?))
    }

    async fn apply(&self, step: &Step, mut released: CreatedSignal) -> Result<StepEnd> {
        let kind = known_kind(step)?;
        let lookup = |output: &OutputRef| self.context.journal.read(|state| state.output(output));
        let spec = resolve(&step.spec, &lookup)?;
        apply_moves(&self.context, step).await?;
        let mut before = self.entry(step);
        let mut look = doubted(&self.context, kind, before.as_ref());
        for attempt in 0.. {
            let token = before
                .as_ref()
                .map_or_else(|| new_token(&self.context.stack, &step.address), |entry| entry.token.clone());
            let op = if before.as_ref().is_some_and(|entry| entry.attrs.is_some()) { Op::Update } else { Op::Create };
            let log = Arc::new(StepLog::new(&self.context.journal, op, step, &spec, step.lasting_needs(), &token));
            let mut cx = cx(&self.context, step, &token, Arc::clone(&log));
            cx.run_lists = Some(Arc::clone(&self.lists));
            if before.is_none() {
                // Nothing but this run creates what is not in the state.
                cx.first_look = attempt == 0;
                cx.created_ids = self.needed_new_ids(step);
            } else {
                // Ignored tags are not managed by this step.
                cx.identity.tags.retain(|key, _| {
                    !step.ignored_fields.iter().any(|field| field.strip_prefix("tags.") == Some(key.as_str()))
                });
            }
            let known = before.as_ref().and_then(|entry| entry.attrs.as_ref());
            let observed = observe(&cx, kind, &spec, known, look).await;
            cx.first_look = false;
            match &observed {
                Ok(Observed::Ours(seen)) => self.judge_parent(kind, step, &spec, Some(seen)).await?,
                Ok(Observed::Absent) => self.judge_parent(kind, step, &spec, None).await?,
                Ok(Observed::Foreign { .. }) | Err(_) => {}
            }
            let result = match observed {
                Err(Error::Ambiguous(ids)) if attempt < ATTEMPTS && is_unknown_creation(before.as_ref()) => {
                    remove_duplicates(&cx, kind, &spec, ids, attempt).await?;
                    continue;
                }
                Err(error) => Err(error),
                Ok(Observed::Foreign { id, owner }) => return Err(Error::Foreign { id, owner }),
                Ok(Observed::Absent) if before.is_some() => {
                    // It was deleted outside this tool, or never created. Its old identity must not be used again.
                    if known.is_some() {
                        cx.notice("it no longer exists in AWS and is recreated");
                    }
                    self.context.journal.write(vec![Record::Deleted { address: step.address.clone() }]).await?;
                    before = None;
                    look = Duration::ZERO;
                    continue;
                }
                Ok(Observed::Absent) => {
                    self.finish(step, kind, &cx, &log, &spec, None, before.as_ref(), &mut released).await
                }
                Ok(Observed::Ours(seen)) if before.is_none() => {
                    // It exists, but was not in the state: it counts as found, not created, so a rollback must not
                    // delete it.
                    let wrong = spec_from_observed::immutable_diff(kind, &spec, &seen);
                    if !wrong.is_empty() {
                        return Err(self.found_mismatch(step, kind, &spec, seen, &wrong, &token).await?);
                    }
                    let log = Arc::new(StepLog::new(
                        &self.context.journal,
                        Op::Update,
                        step,
                        &spec,
                        step.lasting_needs(),
                        &token,
                    ));
                    let cx = super::step::cx(&self.context, step, &token, Arc::clone(&log));
                    self.finish(step, kind, &cx, &log, &spec, Some(seen), None, &mut released).await
                }
                Ok(Observed::Ours(_))
                    if before.as_ref().is_some_and(|entry| requires_replacement(kind, entry, &spec)) =>
                {
                    // A resource that it refers to was replaced in this run, which the plan could not know. The next
                    // plan shows the replacement with its consequences, and checks protection and data.
                    return Err(Error::Refused(UNPLANNED_REPLACEMENT.to_owned()));
                }
                Ok(Observed::Ours(seen)) => {
                    self.finish(step, kind, &cx, &log, &spec, Some(seen), before.as_ref(), &mut released).await
                }
            };
            match result {
                Err(error) if should_reobserve(&error, attempt, &cx) => {
                    cx.notice(format!(
                        "{}; reading the resource to find out the outcome",
                        crate::resource::describe(&error)
                    ));
                    cx.pause(Duration::from_secs(2 << attempt)).await?;
                    before = self.entry(step);
                    look = doubted(&self.context, kind, before.as_ref());
                }
                Err(error) if should_look_again(&error, attempt, &cx) => {
                    cx.notice(format!("{}; reading it again", crate::resource::describe(&error)));
                    cx.pause(Duration::from_secs(1 << attempt)).await?;
                    before = self.entry(step);
                    look = look.max(SHORTLY);
                }
                other => return other,
            }
        }
        Err(Error::Cancelled)
    }

    /// Records a found resource that would have to be replaced as observed, so that the next plan shows it. Returns the
    /// error of the step.
    async fn found_mismatch(
        &self,
        step: &Step,
        kind: &dyn Kind,
        spec: &Value,
        seen: Value,
        wrong: &[Change],
        token: &str,
    ) -> Result<Error> {
        let (id, differs) = (kind.id(&seen), spec_from_observed::describe(wrong));
        let Some(known) = spec_from_observed::with_observed(kind, spec, wrong) else {
            return Ok(Error::Refused(format!(
                "`{id}` has the ownership tags of this address, but does not match: {differs}; delete it, or remove \
                 its tags"
            )));
        };
        let log = StepLog::new(&self.context.journal, Op::Update, step, &known, step.lasting_needs(), token);
        log.write(vec![Record::Created { address: step.address.clone(), attrs: seen }]).await?;
        Ok(Error::Refused(format!(
            "`{id}` was found, and requires a replacement that was not planned: {differs}; the next `up` plans it"
        )))
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "the parts of one step: all are required, and no subset forms a type of its own"
    )]
    async fn finish(
        &self,
        step: &Step,
        kind: &dyn Kind,
        cx: &StepContext,
        log: &StepLog,
        wanted: &Value,
        seen: Option<Value>,
        before: Option<&Entry>,
        released: &mut CreatedSignal,
    ) -> Result<StepEnd> {
        let address = step.address.clone();
        let existed = seen.is_some();
        let left = before.filter(|_| existed).map(|entry| (entry, step.ignored_fields.as_slice()));
        let spec = &with_ignored(kind, wanted, seen.as_ref(), left.map(|(_, fields)| fields).unwrap_or_default());
        let attrs = without_ignored(left, kind.ensure(cx, spec, seen).await?);
        if existed
            && (before.is_some_and(|entry| entry.tags != step.tags)
                || !cx.tag_drift().is_empty()
                || !cx.removed_tags().is_empty())
        {
            kind.retag(cx, spec, &attrs).await?;
        }
        let same = |entry: &Entry| {
            entry.status == Status::Ready
                && entry.spec == *wanted
                && entry.tags == step.tags
                && entry.needs == step.lasting_needs()
        };
        let up_to_date =
            !cx.has_changed() && before.is_some_and(|entry| same(entry) && entry.attrs.as_ref() == Some(&attrs));
        if !up_to_date {
            log.write(vec![Record::Created { address: address.clone(), attrs: attrs.clone() }]).await?;
            cx.events.send(Event::StepCreated { address: address.clone(), id: kind.id(&attrs) });
        }
        if !existed {
            self.created_ids.lock().unwrap_or_else(PoisonError::into_inner).insert(kind.id(&attrs));
        }
        // Others can be part of it from now on.
        self.down.parents.is_ours(&step.address);
        released.notify();
        let ready = without_ignored(left, kind.ready(cx, spec, attrs.clone()).await?);
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
