//! Imports an existing resource into the state: compares it, adds its ownership tags, and changes nothing else.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use serde_json::Value;

use super::refresh::compare;
use super::run::{Context, ReadContext, Report, StepEnd, Steps, run};
use super::scheduler::CreatedSignal;
use super::step::{StepLog, cx, known_kind, new_token};
use super::target::Target;
use crate::graph::resolve;
use crate::plan::{Action, Change, Drift, Plan, Step};
use crate::resource::{Error, Kind, Observed, Result, StepContext, spec_from_observed};
use crate::state::{JournalError, Op, Record, State};

/// The result of comparing an existing resource with a specification.
#[derive(Clone, Debug, PartialEq)]
pub struct Adoption {
    /// Its AWS id or name.
    pub id: String,
    /// What the next `up` would change: current and configured values.
    pub changes: Vec<Change>,
    /// The first call of that update.
    pub call: Option<String>,
    spec: Value,
    /// The specification with the observed values of all differing inputs, so that a plan shows the differences.
    observed_spec: Value,
    attrs: Value,
}

/// Compares an existing resource with a specification, without changing anything.
///
/// # Errors
/// The resource does not exist, has another owner, or cannot be changed to match the specification.
pub async fn inspect(read_context: &ReadContext, state: &State, step: &Step, id: &str) -> Result<Adoption> {
    let (kind, spec) = resolved(state, step)?;
    let subject = Target { address: &step.address, location: &step.location(), tags: &step.tags, token: "" };
    let cx = StepContext { adopting: true, removed_tags: Mutex::default(), ..read_context.dry_run(state, &subject) };
    let attrs = find(&cx, kind, &spec, id).await?;
    let wrong = spec_from_observed::immutable_diff(kind, &spec, &attrs);
    if !wrong.is_empty() {
        return Err(Error::Refused(format!(
            "it would have to be replaced, because these inputs differ: {}",
            spec_from_observed::describe(&wrong)
        )));
    }
    let tagged = tagged(&cx, &attrs);
    let mut changes = settings(kind, &spec, &attrs);
    let call = match compare(&cx, kind, &spec, None, tagged.clone(), &|_, _| false).await? {
        Some(Drift::Transitional { what, .. } | Drift::Manual { what, .. }) => return Err(Error::Refused(what)),
        Some(Drift::Differs { call, .. }) => Some(call),
        _ => None,
    };
    if call.is_none() {
        changes.clear();
    }
    let (observed_spec, is_complete) = observed_spec(kind, &spec, &changes);
    // A call that remains with the observed specification corrects a difference that no input expresses.
    if call.is_some()
        && is_complete
        && let Some(Drift::Differs { call: rest, .. }) =
            compare(&cx, kind, &observed_spec, None, tagged, &|_, _| false).await?
        && !kind.schema().tag_calls.contains(&rest.as_str())
    {
        changes.push(Change::new(spec_from_observed::by_call(&rest), "different".into(), "as specified".into()));
    }
    Ok(Adoption { id: kind.id(&attrs), changes, call, spec, observed_spec, attrs })
}

/// Imports a resource into the state, as a run of its own.
///
/// # Errors
/// The journal cannot be written at all. Failed steps are in the report.
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
    async fn run(&self, step: &Step, _released: CreatedSignal) -> Result<StepEnd, (Option<String>, Error)> {
        Box::pin(self.adopt(step)).await.map_err(|error| (Some(self.id.clone()), error))
    }
}

impl AdoptSteps {
    async fn adopt(&self, step: &Step) -> Result<StepEnd> {
        let state = self.context.journal.read(Clone::clone);
        let found = inspect(&self.context.read_context(), &state, step, &self.id).await?;
        let (kind, _) = resolved(&state, step)?;
        let token = state
            .get(&step.address)
            .map_or_else(|| new_token(&self.context.stack, &step.address), |entry| entry.token.clone());
        let log = Arc::new(StepLog::new(
            &self.context.journal,
            Op::Update,
            step,
            &found.observed_spec,
            step.lasting_needs(),
            &token,
        ));
        // The id is durable before the tags are set. Whatever happens to this run, the resource is not created twice.
        log.write(vec![Record::Created { address: step.address.clone(), attrs: found.attrs.clone() }]).await?;
        // The tags that the resource already has must not be removed.
        let cx = StepContext {
            adopting: true,
            removed_tags: Mutex::default(),
            ..cx(&self.context, step, &token, Arc::clone(&log))
        };
        kind.retag(&cx, &found.spec, &found.attrs).await?;
        let attrs = find(&cx, kind, &found.spec, &self.id).await?;
        log.write(vec![Record::Ready { address: step.address.clone(), attrs: attrs.clone() }]).await?;
        Ok(StepEnd { id: kind.id(&attrs), action: "adopt", changed: true })
    }
}

/// Returns the specification with the observed values, and whether it contains all of them. A value that no input can
/// express keeps its configured value: the next refresh finds the difference, and `up` corrects it.
fn observed_spec(kind: &dyn Kind, spec: &Value, changes: &[Change]) -> (Value, bool) {
    let (mut known, mut is_complete) = (spec.clone(), true);
    for change in changes {
        match spec_from_observed::with_input(kind, &known, &change.field, change.old.clone()) {
            Some(other) => known = other,
            None => is_complete = false,
        }
    }
    (known, is_complete)
}

/// Returns the attributes as they are once the ownership tags are added.
fn tagged(cx: &StepContext, attrs: &Value) -> Value {
    let mut attrs = attrs.clone();
    if let Some(fields) = attrs.as_object_mut() {
        fields.remove("missing_tags");
        if let Some(tags) = fields.get_mut("tags").and_then(Value::as_object_mut) {
            tags.extend(cx.identity.all_tags().into_iter().map(|(key, value)| (key, value.into())));
        }
    }
    attrs
}

fn resolved(state: &State, step: &Step) -> Result<(&'static dyn Kind, Value)> {
    let kind = known_kind(step)?;
    Ok((kind, resolve(&step.spec, &|output| state.output(output))?))
}

/// Finds the resource, by its id or by the name in the specification.
async fn find(cx: &StepContext, kind: &dyn Kind, spec: &Value, id: &str) -> Result<Value> {
    match kind.observe(cx, spec, kind.attrs_from_id(id).as_ref()).await? {
        Observed::Absent => {
            Err(Error::Refused(format!("there is no matching {} with the id or name `{id}`", kind.name())))
        }
        Observed::Foreign { id, owner } => Err(Error::Foreign { id, owner }),
        Observed::Ours(attrs) if kind.id(&attrs) == id || has_id(&attrs, id) => Ok(attrs),
        Observed::Ours(attrs) => {
            let found = kind.id(&attrs);
            Err(Error::Refused(format!("its specification has another name: it identifies `{found}`, not `{id}`")))
        }
    }
}

/// Returns whether one of the attributes is this id. Some resources have an ARN, a name and an id.
fn has_id(attrs: &Value, id: &str) -> bool {
    attrs.as_object().is_some_and(|attrs| attrs.values().any(|value| value.as_str() == Some(id)))
}

/// Returns the mutable inputs that differ, if the observed value can be expressed as an input. A missing value is a
/// difference, too.
fn settings(kind: &dyn Kind, spec: &Value, attrs: &Value) -> Vec<Change> {
    let schema = kind.schema();
    let open =
        kind.inputs().iter().filter(|input| !schema.immutable.contains(input) && !schema.order_only.contains(input));
    let differing = open.filter_map(|input| {
        spec_from_observed::difference(
            kind,
            input,
            spec.get(*input)?,
            &spec_from_observed::observed_input(kind, attrs, input)?,
        )
    });
    differing
        .filter(|change| {
            change.old.is_null()
                || spec_from_observed::with_input(kind, spec, &change.field, change.old.clone()).is_some()
        })
        .collect()
}
