//! Taking a thing that exists into the state: it is compared, its ownership tags are added, and nothing else is changed.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::run::{Context, Looker, Report, StepEnd, Steps, run};
use super::scheduler::Released;
use super::step::{StepLog, Subject, cx, new_token, registered};
use super::survey::compare;
use crate::graph::resolve;
use crate::plan::{Action, Change, Finding, Plan, Step};
use crate::resource::{Cx, Error, Kind, Observed, Result, told};
use crate::state::{JournalError, Op, Record, State};

/// What adopting a thing comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    /// Its AWS id or name.
    pub id: String,
    /// What the next `up` would change: how it is, and how it is specified.
    pub changes: Vec<Change>,
    /// What that would call first.
    pub call: Option<String>,
    spec: Value,
    /// The specification with what differs as it is, so that a plan shows the difference.
    as_it_is: Value,
    attrs: Value,
}

/// Compares a thing that exists with the specification of a resource, without changing anything.
///
/// # Errors
/// When it does not exist, belongs to somebody else, or is what AWS can not change into what is specified.
pub async fn inspect(looker: &Looker, state: &State, step: &Step, id: &str) -> Result<Adoption> {
    let (kind, spec) = resolved(state, step)?;
    let subject = Subject { address: &step.address, region: &step.region, tags: &step.tags, token: "" };
    let cx = Cx { adopts: true, dropped_tags: Mutex::default(), ..looker.silent(state, &subject) };
    let attrs = seek(&cx, kind, &spec, id).await?;
    let wrong = told::fixed(kind, &spec, &attrs);
    if !wrong.is_empty() {
        return Err(Error::Refused(format!("it would have to be made anew, because this differs: {}", told::in_words(&wrong))));
    }
    let marked = marked(&cx, &attrs);
    let mut changes = settings(kind, &spec, &attrs);
    let call = match compare(&cx, kind, &spec, None, marked.clone(), &|_, _| false).await? {
        Some(Finding::Unsettled { what, .. } | Finding::Stuck { what, .. }) => return Err(Error::Refused(what)),
        Some(Finding::Differs { call, .. }) => Some(call),
        _ => None,
    };
    if call.is_none() {
        changes.clear();
    }
    let (as_it_is, is_whole) = as_it_is(kind, &spec, &changes);
    // What is left to call, were it specified as it is, differs in what no input tells.
    if call.is_some()
        && is_whole
        && let Some(Finding::Differs { call: rest, .. }) = compare(&cx, kind, &as_it_is, None, marked, &|_, _| false).await?
        && !rest.contains("Tag")
    {
        changes.push(Change::new(told::by_call(&rest), "different".into(), "as specified".into()));
    }
    Ok(Adoption { id: kind.id(&attrs), changes, call, spec, as_it_is, attrs })
}

/// Takes a thing into the state, as part of a run of its own.
///
/// # Errors
/// Only when the journal cannot be written at all; a failed step is in the report.
pub async fn adopt(context: &Context, step: Step, id: &str) -> Result<Report, JournalError> {
    let plan = Plan::single(Step { action: Action::Resume { changes: Vec::new() }, ..step });
    run(context, "adopt", plan, AdoptSteps { context: context.clone(), id: id.to_owned() }).await
}

struct AdoptSteps {
    context: Context,
    id: String,
}

#[async_trait]
impl Steps for AdoptSteps {
    async fn run(&self, step: &Step, _released: Released) -> Result<StepEnd, (Option<String>, Error)> {
        Box::pin(self.adopt(step)).await.map_err(|error| (Some(self.id.clone()), error))
    }
}

impl AdoptSteps {
    async fn adopt(&self, step: &Step) -> Result<StepEnd> {
        let state = self.context.journal.read(Clone::clone);
        let found = inspect(&self.context.looker(), &state, step, &self.id).await?;
        let (kind, _) = resolved(&state, step)?;
        let token = state.get(&step.address).map_or_else(|| new_token(&self.context.stack, &step.address), |entry| entry.token.clone());
        let log = Arc::new(StepLog::new(&self.context.journal, Op::Update, step, &found.as_it_is, step.lasting_needs(), &token));
        // Its id is durable before its tags are set: whatever becomes of this run, no other one is made in its place.
        log.write(vec![Record::Created { address: step.address.clone(), attrs: found.attrs.clone() }]).await?;
        // The tags that it had before are not ours to take off.
        let cx = Cx { adopts: true, dropped_tags: Mutex::default(), ..cx(&self.context, step, &token, Arc::clone(&log)) };
        kind.retag(&cx, &found.spec, &found.attrs).await?;
        let attrs = seek(&cx, kind, &found.spec, &self.id).await?;
        log.write(vec![Record::Ready { address: step.address.clone(), attrs: attrs.clone() }]).await?;
        Ok(StepEnd { id: kind.id(&attrs), action: "adopt", changed: true })
    }
}

/// The specification with what differs as it is, and whether all that differs is in it. What a specification can not say stays as it is wanted:
/// a look finds it, and the next `up` puts it right.
fn as_it_is(kind: &dyn Kind, spec: &Value, changes: &[Change]) -> (Value, bool) {
    let (mut known, mut is_whole) = (spec.clone(), true);
    for change in changes {
        match told::with(kind, &known, &change.field, change.old.clone()) {
            Some(other) => known = other,
            None => is_whole = false,
        }
    }
    (known, is_whole)
}

/// The attributes as they are once the tags are added.
fn marked(cx: &Cx, attrs: &Value) -> Value {
    let mut attrs = attrs.clone();
    if let Some(fields) = attrs.as_object_mut() {
        fields.remove("missing_tags");
        if let Some(tags) = fields.get_mut("tags").and_then(Value::as_object_mut) {
            tags.extend(cx.identity.all_tags().into_iter().map(|(key, value)| (key, value.into())));
        }
    }
    attrs
}

fn resolved<'a>(state: &State, step: &Step) -> Result<(&'a dyn Kind, Value)> {
    let kind = registered(&step.kind)?;
    Ok((kind, resolve(&step.spec, &|output| state.output(output))?))
}

/// Looks for the thing, by its id or by the name in the specification.
async fn seek(cx: &Cx, kind: &dyn Kind, spec: &Value, id: &str) -> Result<Value> {
    match kind.observe(cx, spec, kind.known_by(id).as_ref()).await? {
        Observed::Absent => Err(Error::Refused(format!("there is no {} with the id or name `{id}` that fits", kind.name()))),
        Observed::Foreign { id, owner } => Err(Error::Foreign { id, owner }),
        Observed::Ours(attrs) if kind.id(&attrs) == id || says(&attrs, id) => Ok(attrs),
        Observed::Ours(attrs) => {
            let found = kind.id(&attrs);
            Err(Error::Refused(format!("it is specified with another name: what it would be is `{found}`, and not `{id}`")))
        }
    }
}

/// Whether one of the attributes is this id: some things have an ARN, a name and an id.
fn says(attrs: &Value, id: &str) -> bool {
    attrs.as_object().is_some_and(|attrs| attrs.values().any(|value| value.as_str() == Some(id)))
}

/// Inputs that can be changed and that differ, as far as what AWS shows of them can be said as an input. What is not there at all is a difference,
/// too.
fn settings(kind: &dyn Kind, spec: &Value, attrs: &Value) -> Vec<Change> {
    let about = kind.about();
    let open = kind.inputs().iter().filter(|input| !about.immutable.contains(input) && !about.waits_for.contains(input));
    let differing = open.filter_map(|input| told::difference(input, spec.get(*input)?, &told::told(kind, attrs, input)?));
    differing.filter(|change| change.old.is_null() || told::with(kind, spec, &change.field, change.old.clone()).is_some()).collect()
}
