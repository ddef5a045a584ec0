//! Looking at what exists without changing anything: is it as the state says?
//!
//! A resource is as it was left when its kind, told to bring it to the specification that it was last brought to, has nothing to call.
//! So what AWS makes up is never a difference, and whatever `up` would put right is one.

use std::sync::Arc;

use futures::StreamExt;
use serde_json::Value;

use super::operate::Unwritten;
use super::run::Looker;
use super::step::{Subject, look};
use crate::address::Address;
use crate::plan::{Change, Finding, Findings, changes};
use crate::resource::{Cx, Error, Kind, Listing, Observed, Result, kind, told};
use crate::state::{Entry, State, Status};

/// What a survey came to.
#[derive(Debug, Default)]
pub struct Survey {
    /// How many resources were looked at.
    pub looked_at: usize,
    /// What is not as the state says.
    pub findings: Findings,
    /// What could not be looked at, and why.
    pub failures: Vec<(Address, Error)>,
}

/// Whether others may change a field of a resource.
pub type Permission<'a> = dyn Fn(&Address, &str) -> bool + Sync + 'a;

/// Looks at the resources that the state knows and `wanted` chooses. Fields that others may change are no drift. Of what was being changed only
/// these are looked for: the next run looks at all the rest anyway, as it does at what is unfinished otherwise.
pub async fn survey(looker: &Looker, state: &State, wanted: impl Fn(&Address) -> bool, may: &Permission<'_>) -> Survey {
    let is_there = |entry: &Entry| matches!(entry.status, Status::Ready | Status::Updating);
    let chosen = state.resources.iter().filter(|(address, entry)| is_there(entry) && address.made_way().is_none() && wanted(address));
    let listing = &Arc::new(Listing::default());
    let looks = chosen.map(|(address, entry)| async move {
        let subject = Subject { address, region: &entry.region, tags: &entry.tags, token: &entry.token };
        let cx = Cx { listing: Some(Arc::clone(listing)), ..looker.silent(state, &subject) };
        (address.clone(), Box::pin(Looker::look(cx, entry, may)).await)
    });
    let mut survey = Survey::default();
    let mut answers = futures::stream::iter(looks).buffer_unordered(looker.parallelism.max(1));
    while let Some((address, answer)) = answers.next().await {
        survey.looked_at += 1;
        match answer {
            Ok(None) => {}
            Ok(Some(finding)) => drop(survey.findings.insert(address, finding)),
            Err(error) => survey.failures.push((address, error)),
        }
    }
    survey.failures.sort_by(|one, other| one.0.cmp(&other.0));
    survey
}

impl Looker {
    /// Makes the context of a look.
    pub(super) fn silent(&self, state: &State, subject: &Subject<'_>) -> Cx {
        Cx { looks_only: true, ..self.cx(state, subject, Arc::new(Unwritten)) }
    }

    async fn look(cx: Cx, entry: &Entry, may: &Permission<'_>) -> Result<Option<Finding>> {
        let Some(kind) = kind(&entry.kind) else { return Ok(None) };
        if entry.status == Status::Updating {
            return Self::look_for_what_may_be(&cx, kind, entry, may).await;
        }
        // What does not show may only be hidden for a moment.
        let seen = match look(&cx, kind, &entry.spec, entry.attrs.as_ref(), true).await {
            Ok(Observed::Absent) => return Ok(Some(Finding::Gone)),
            Ok(Observed::Foreign { id, owner }) => return Ok(Some(Finding::Foreign { id, owner })),
            Ok(Observed::Ours(seen)) => seen,
            Err(error) => return unsettled(error, Vec::new(), Vec::new()).map(Some),
        };
        compare(&cx, kind, &entry.spec, entry.attrs.as_ref(), seen, may).await
    }

    /// Looks which fields of something that was being changed differ and may.
    async fn look_for_what_may_be(cx: &Cx, kind: &dyn Kind, entry: &Entry, may: &Permission<'_>) -> Result<Option<Finding>> {
        let Some(known) = &entry.attrs else { return Ok(None) };
        // What can not be seen just now is seen by its step.
        let Ok(Observed::Ours(seen)) = look(cx, kind, &entry.spec, Some(known), false).await else { return Ok(None) };
        let left: Vec<Change> = fields(kind, known, &seen).into_iter().filter(|change| may(&cx.identity.address, &change.field)).collect();
        Ok((!left.is_empty()).then_some(Finding::Left { changes: left }))
    }
}

/// Compares what was seen with a specification: what would be called, and which fields are others than they were. What others may change counts
/// as specified.
pub(super) async fn compare(
    cx: &Cx,
    kind: &dyn Kind,
    spec: &Value,
    known: Option<&Value>,
    seen: Value,
    may: &Permission<'_>,
) -> Result<Option<Finding>> {
    let differing = known.map(|known| fields(kind, known, &seen)).unwrap_or_default();
    let (left, mut changes): (Vec<Change>, Vec<Change>) = differing.into_iter().partition(|change| may(&cx.identity.address, &change.field));
    let (mut as_it_may_be, mut is_told) = (spec.clone(), true);
    for change in &left {
        match told::as_shown(kind, &as_it_may_be, &seen, &change.field) {
            Some(other) => as_it_may_be = other,
            None => is_told = false,
        }
    }
    let call = match would_call(cx, kind, &as_it_may_be, &seen).await {
        Ok(call) => call,
        Err(error) => return unsettled(error, changes, left).map(Some),
    };
    let another = another(kind, spec, &seen);
    if !another.is_empty() {
        return Ok(Some(Finding::Another { changes: another }));
    }
    let Some(call) = call else { return Ok((!left.is_empty()).then_some(Finding::Left { changes: left })) };
    let tags = &cx.identity.tags;
    let stray = cx.stray_tags().into_iter().map(|(key, shown)| Change::new(format!("tags.{key}"), tags.get(&key).cloned().into(), shown.into()));
    changes.extend(stray);
    if changes.is_empty() && !is_told {
        // No input says what may differ, so it is that which would be put right.
        return Ok(Some(Finding::Left { changes: left }));
    }
    if changes.is_empty() {
        // The kind compares more than it remembers; what it would call says what differs.
        changes.push(Change::new(told::by_call(call), "as specified".into(), "different".into()));
    }
    Ok(Some(Finding::Differs { changes, call: call.to_owned(), left }))
}

async fn would_call(cx: &Cx, kind: &dyn Kind, spec: &Value, seen: &Value) -> Result<Option<&'static str>> {
    match kind.ensure(cx, spec, Some(seen.clone())).await {
        Err(Error::WouldCall(call)) => return Ok(Some(call)),
        Err(error) => return Err(error),
        Ok(_) if cx.stray_tags().is_empty() => return Ok(None),
        Ok(_) => {}
    }
    match kind.retag(cx, spec, seen).await {
        Err(Error::WouldCall(call)) => Ok(Some(call)),
        // It has no tags of its own.
        other => other.map(|()| None),
    }
}

/// What differs and can not be put right in place: how it was left, and how it is.
fn another(kind: &dyn Kind, spec: &Value, seen: &Value) -> Vec<Change> {
    let changed_back = |change: &Change| kind.about().taken_over.contains(&change.field.as_str());
    let fixed = told::fixed(kind, spec, seen).into_iter().filter(|change| !changed_back(change));
    fixed.map(|change| Change::new(change.field, change.new, change.old)).collect()
}

/// The fields that differ, those of groups each for itself. What AWS makes up, and tags, which are compared elsewhere, are left out,
/// and so is what an earlier version did not keep.
fn fields(kind: &dyn Kind, known: &Value, seen: &Value) -> Vec<Change> {
    let about = kind.about();
    let known = &kind.whole(known);
    let was_kept = |field: &str| known.get(field).is_some() || !about.immutable.contains(&field);
    let counts = |change: &Change| {
        !about.computed.contains(&change.field.as_str()) && was_kept(&change.field) && !["missing_tags", "tags"].contains(&change.field.as_str())
    };
    let differing = changes(known, seen).into_iter().filter(counts);
    differing.flat_map(|change| change.inside().unwrap_or_else(|| vec![change])).collect()
}

/// What is on its way, does not work or can not be taken back is a finding; what can not be asked is a failure.
fn unsettled(error: Error, changes: Vec<Change>, left: Vec<Change>) -> Result<Finding> {
    let what = crate::resource::describe(&error);
    match error {
        Error::OneWay(_) | Error::Ambiguous(_) => Ok(Finding::Stuck { what, changes, left }),
        Error::OnItsWay { .. } | Error::Failed { .. } | Error::Timeout { .. } | Error::Refused(_) => Ok(Finding::Unsettled { what, left }),
        error => Err(error),
    }
}
