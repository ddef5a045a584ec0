//! Compares AWS with the state, without changing anything.
//!
//! A resource has not drifted if its kind has nothing to call in order to reach the last applied specification. So a
//! value that AWS generates is never a difference, and everything that `up` would correct is one.

use std::sync::Arc;
use std::time::Duration;

use futures::StreamExt;
use serde_json::Value;

use super::operation::NoLog;
use super::run::ReadContext;
use super::step::{SHORTLY, observe};
use super::target::Target;
use crate::plan::{Change, Drift, DriftReport, changes};
use crate::resource::{Error, Kind, KindRef, ListCache, Observed, Result, StepContext, spec_from_observed};
use crate::state::{Entry, State, Status};
use infra_base::address::Address;

/// The result of a refresh.
#[derive(Debug, Default)]
pub struct Refresh {
    /// The number of resources that were read.
    pub resources: usize,
    /// The differences from the state.
    pub drift: DriftReport,
    /// The resources that could not be read, with the errors.
    pub failures: Vec<(Address, Error)>,
}

/// Where a refresh reads tags that the description of a resource does not contain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagReads {
    /// From one listing of the stack, if that shows them as they should be. It lags behind changes, so a change of
    /// tags that somebody has just made may be missed.
    Listed,
    /// From each resource.
    Each,
}

/// Returns whether a field of a resource is ignored.
pub type IsIgnored<'a> = dyn Fn(&Address, &str) -> bool + Sync + 'a;

/// Reads the resources of the state that `wanted` selects. Ignored fields are no drift. For resources with an
/// unfinished update, only ignored fields are reported: the next run reads them anyway, as it reads everything
/// unfinished.
pub async fn refresh(
    read_context: &ReadContext,
    state: &State,
    wanted: impl Fn(&Address) -> bool,
    is_ignored: &IsIgnored<'_>,
    tags: TagReads,
) -> Refresh {
    let is_complete = |entry: &Entry| matches!(entry.status, Status::Ready | Status::Updating);
    let chosen = state
        .resources
        .iter()
        .filter(|(address, entry)| is_complete(entry) && address.retired_from().is_none() && wanted(address));
    let lists = &Arc::new(ListCache::default());
    let reads = chosen.map(|(address, entry)| async move {
        let subject = Target { address, location: &entry.location(), tags: &entry.tags, token: &entry.token };
        let lists_tags = tags == TagReads::Listed;
        let cx =
            StepContext { list_cache: Some(Arc::clone(lists)), lists_tags, ..read_context.dry_run(state, &subject) };
        (address.clone(), Box::pin(read_context.refresh_resource(cx, entry, is_ignored)).await)
    });
    let mut refresh = Refresh::default();
    let mut answers = futures::stream::iter(reads).buffer_unordered(read_context.parallelism.max(1));
    while let Some((address, answer)) = answers.next().await {
        refresh.resources += 1;
        match answer {
            Ok(None) => {}
            Ok(Some(finding)) => drop(refresh.drift.insert(address, finding)),
            Err(error) => refresh.failures.push((address, error)),
        }
    }
    refresh.failures.sort_by(|one, other| one.0.cmp(&other.0));
    refresh
}

impl ReadContext {
    /// Returns a context that only reads.
    pub(super) fn dry_run(&self, state: &State, subject: &Target<'_>) -> StepContext {
        StepContext { dry_run: true, ..self.cx(state, subject, Arc::new(NoLog)) }
    }

    async fn refresh_resource(
        &self,
        cx: StepContext,
        entry: &Entry,
        is_ignored: &IsIgnored<'_>,
    ) -> Result<Option<Drift>> {
        let Some(kind) = self.kinds.get(&entry.kind).map(KindRef::get) else { return Ok(None) };
        if entry.status == Status::Updating {
            return Self::refresh_ignored(&cx, kind, entry, is_ignored).await;
        }
        // A resource that does not show up may only be invisible for a moment.
        let seen = match observe(&cx, kind, &entry.spec, entry.attrs.as_ref(), SHORTLY).await {
            Ok(Observed::Absent) => return Ok(Some(Drift::Gone)),
            Ok(Observed::Foreign { id, owner }) => return Ok(Some(Drift::Foreign { id, owner })),
            Ok(Observed::Ours(seen)) => seen,
            Err(error) => return transitional(error, Vec::new(), Vec::new()).map(Some),
        };
        compare(&cx, kind, &entry.spec, entry.attrs.as_ref(), seen, is_ignored).await
    }

    /// Returns the ignored fields that differ for a resource with an unfinished update.
    async fn refresh_ignored(
        cx: &StepContext,
        kind: &dyn Kind,
        entry: &Entry,
        is_ignored: &IsIgnored<'_>,
    ) -> Result<Option<Drift>> {
        let Some(known) = &entry.attrs else { return Ok(None) };
        // If it cannot be read now, its step will read it.
        let Ok(Observed::Ours(seen)) = observe(cx, kind, &entry.spec, Some(known), Duration::ZERO).await else {
            return Ok(None);
        };
        let ignored: Vec<Change> = fields(kind, known, &seen)
            .into_iter()
            .filter(|change| is_ignored(&cx.identity.address, &change.field))
            .collect();
        Ok((!ignored.is_empty()).then_some(Drift::Ignored { changes: ignored }))
    }
}

/// Compares the observed attributes with a specification: finds the call that would follow, and the fields that have
/// changed. Ignored fields count as configured.
pub(super) async fn compare(
    cx: &StepContext,
    kind: &dyn Kind,
    spec: &Value,
    known: Option<&Value>,
    seen: Value,
    is_ignored: &IsIgnored<'_>,
) -> Result<Option<Drift>> {
    let differing = known.map(|known| fields(kind, known, &seen)).unwrap_or_default();
    let (ignored, mut changes): (Vec<Change>, Vec<Change>) =
        differing.into_iter().partition(|change| is_ignored(&cx.identity.address, &change.field));
    let (mut with_ignored, mut is_expressible) = (spec.clone(), true);
    for change in &ignored {
        match spec_from_observed::with_observed_field(kind, &with_ignored, &seen, &change.field) {
            Some(other) => with_ignored = other,
            None => is_expressible = false,
        }
    }
    let call = match would_call(cx, kind, &with_ignored, &seen).await {
        Ok(call) => call,
        Err(error) => return transitional(error, changes, ignored).map(Some),
    };
    let immutable = immutable_changes(kind, spec, &seen);
    if !immutable.is_empty() {
        return Ok(Some(Drift::RequiresReplacement { changes: immutable }));
    }
    let Some(call) = call else { return Ok((!ignored.is_empty()).then_some(Drift::Ignored { changes: ignored })) };
    let tags = &cx.identity.tags;
    let stray = cx
        .tag_drift()
        .into_iter()
        .map(|(key, shown)| Change::new(format!("tags.{key}"), tags.get(&key).cloned().into(), shown.into()));
    changes.extend(stray);
    if changes.is_empty() && !is_expressible {
        // No input expresses the ignored value, so the call would only correct that value.
        return Ok(Some(Drift::Ignored { changes: ignored }));
    }
    if changes.is_empty() {
        // The kind compares more than its attributes contain. The call shows what differs.
        changes.push(Change::new(spec_from_observed::by_call(call), "as specified".into(), "different".into()));
    }
    Ok(Some(Drift::Differs { changes, call: call.to_owned(), ignored }))
}

async fn would_call(cx: &StepContext, kind: &dyn Kind, spec: &Value, seen: &Value) -> Result<Option<&'static str>> {
    match kind.ensure(cx, spec, Some(seen.clone())).await {
        Err(Error::DryRun(call)) => return Ok(Some(call)),
        Err(error) => return Err(error),
        Ok(_) if cx.tag_drift().is_empty() => return Ok(None),
        Ok(_) => {}
    }
    match kind.retag(cx, spec, seen).await {
        Err(Error::DryRun(call)) => Ok(Some(call)),
        // The kind has no tags of its own.
        other => other.map(|()| None),
    }
}

/// Returns the differences that cannot be corrected in place, with last applied and current values.
fn immutable_changes(kind: &dyn Kind, spec: &Value, seen: &Value) -> Vec<Change> {
    let corrected_in_place = |change: &Change| kind.schema().replace_on_change.contains(&change.field.as_str());
    let differing =
        spec_from_observed::immutable_diff(kind, spec, seen).into_iter().filter(|change| !corrected_in_place(change));
    differing.map(|change| Change::new(change.field, change.new, change.old)).collect()
}

/// Returns the fields that differ; nested fields of objects separately. Omits computed attributes, tags, which are
/// compared separately, and fields that an earlier version did not store.
fn fields(kind: &dyn Kind, known: &Value, seen: &Value) -> Vec<Change> {
    let schema = kind.schema();
    let known = &kind.upgrade_attrs(known);
    let was_stored = |field: &str| known.get(field).is_some() || !schema.immutable.contains(&field);
    let counts = |change: &Change| {
        !schema.computed.contains(&change.field.as_str())
            && was_stored(&change.field)
            && !["missing_tags", "tags"].contains(&change.field.as_str())
    };
    let differing = changes(known, seen).into_iter().filter(counts);
    differing.flat_map(|change| change.inside().unwrap_or_else(|| vec![change])).collect()
}

/// Converts an error of a comparison: a resource in transition, one that does not work, and one that cannot be reverted
/// are drift. If the resource cannot be read, that is an error.
fn transitional(error: Error, changes: Vec<Change>, ignored: Vec<Change>) -> Result<Drift> {
    let what = crate::resource::describe(&error);
    match error {
        Error::Irreversible(_) | Error::Ambiguous(_) => Ok(Drift::Manual { what, changes, ignored }),
        Error::InTransition { .. } | Error::Failed { .. } | Error::Timeout { .. } | Error::Refused(_) => {
            Ok(Drift::Transitional { what, ignored })
        }
        error => Err(error),
    }
}
