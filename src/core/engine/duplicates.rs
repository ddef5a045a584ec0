//! Two resources for one address, because a creation was repeated whose answer was lost.
//!
//! Where AWS takes neither a name nor a token, a second creation makes a second resource ([`Repeat::Tags`]). It happens
//! only if the first one shows later than it is looked for. Both have the tags of the address, and the state has no id.
//!
//! *Guarantees*: Only a resource with exactly these tags is deleted, only while the creation is open and no id was ever
//! recorded, so that nothing refers to it, and only if the kind sees that it carries nothing. One always remains. It is
//! the one that carries something, if one does. If two do, a person decides.

use std::time::Duration;

use serde_json::Value;

use super::step::observe;
use crate::resource::{Error, Kind, Observed, Repeat, Result, StepContext};
use crate::state::{Entry, Op, Status};

/// How often duplicates are looked for. AWS may list for a while what was deleted.
pub(super) const ATTEMPTS: u32 = 6;

/// Returns whether the resource was being created, and no id is known.
pub(super) fn is_unknown_creation(entry: Option<&Entry>) -> bool {
    entry.is_some_and(|entry| {
        let is_sent = entry.open.as_ref().is_some_and(|open| open.op != Op::Delete && !open.calls.is_empty());
        entry.attrs.is_none() && (entry.status == Status::Deleting || is_sent)
    })
}

/// Deletes all but one of the resources that have the tags of this address, and waits a little, longer with each
/// attempt. It can be repeated.
///
/// # Errors
/// [`Error::Ambiguous`] if several carry something, or if the kind cannot tell; the error of AWS.
pub(super) async fn remove_duplicates(
    cx: &StepContext,
    kind: &dyn Kind,
    spec: &Value,
    ids: Vec<String>,
    attempt: u32,
) -> Result<()> {
    if kind.schema().repeat != Some(Repeat::Tags) {
        return Err(Error::Ambiguous(ids));
    }
    let (mut used, mut unused) = (Vec::new(), Vec::new());
    for id in &ids {
        let Some(known) = kind.attrs_from_id(id) else { return Err(Error::Ambiguous(ids)) };
        match kind.observe(cx, spec, Some(&known)).await? {
            Observed::Ours(attrs) if kind.is_unused(cx, spec, &attrs).await? => unused.push(attrs),
            Observed::Ours(_) => used.push(id.clone()),
            Observed::Absent => {}
            Observed::Foreign { .. } => return Err(Error::Ambiguous(ids)),
        }
    }
    if used.len() > 1 {
        return Err(Error::Ambiguous(used));
    }
    // Each run keeps the same one.
    unused.sort_by_key(|attrs| kind.id(attrs));
    for attrs in unused.into_iter().skip(usize::from(used.is_empty())) {
        let id = kind.id(&attrs);
        cx.notice(format!("`{id}` carries nothing and is a duplicate of a creation without an answer: it is deleted"));
        kind.delete(cx, spec, &attrs).await?;
    }
    cx.pause(Duration::from_secs(1 << attempt)).await
}

/// Returns another resource with the tags of this address, if it carries nothing: a duplicate that showed only after
/// the id of the second one was recorded. `deleted` is the id of the one that was deleted just now.
pub(super) async fn unused_duplicate(
    cx: &StepContext,
    kind: &dyn Kind,
    spec: &Value,
    deleted: &str,
) -> Result<Option<Value>> {
    if kind.schema().repeat != Some(Repeat::Tags) {
        return Ok(None);
    }
    // Several are left alone: `down` lists what still has the tags of the stack.
    match observe(cx, kind, spec, None, Duration::ZERO).await {
        Ok(Observed::Ours(attrs)) if kind.id(&attrs) != deleted && kind.is_unused(cx, spec, &attrs).await? => {
            let id = kind.id(&attrs);
            cx.notice(format!("`{id}` has the same tags and carries nothing: it is deleted, too"));
            Ok(Some(attrs))
        }
        Ok(_) | Err(Error::Ambiguous(_)) => Ok(None),
        Err(error) => Err(error),
    }
}
