//! Whose a named thing is, judged by its tags: the same for every service that keeps tags as keys and values.

use std::collections::BTreeMap;

use crate::aws::{OWNER_ADDRESS, OWNER_STACK, owner_of};
use crate::resource::{Cx, Observed};

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// Judges what a look by name has found.
pub(super) fn judge<A>(cx: &Cx, tags: &Tags, id: &str, attrs: impl FnOnce() -> A) -> Observed<A> {
    match other_owner(cx, tags) {
        None => Observed::Ours(attrs()),
        Some(owner) => Observed::Foreign { id: id.to_owned(), owner },
    }
}

/// Returns whose a thing is if its tags are not those of this address.
pub(super) fn other_owner(cx: &Cx, tags: &Tags) -> Option<String> {
    let has = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
    let ours = has(OWNER_STACK, &cx.identity.stack) && has(OWNER_ADDRESS, cx.identity.tag_address().as_str());
    if cx.adopts && !tags.contains_key(OWNER_STACK) {
        return None;
    }
    if ours {
        cx.shown_tags(tags);
    }
    (!ours).then(|| owner_of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// The tags of a thing that this tool sets. Others put tags on things too; those do not concern us.
pub(super) fn kept(cx: &Cx, mut tags: Tags) -> Tags {
    let wanted = cx.identity.all_tags();
    tags.retain(|key, _| wanted.contains_key(key));
    tags
}

/// The tags that are not there yet or have another value.
pub(super) fn missing(cx: &Cx, shown: &Tags) -> Tags {
    let mut wanted = cx.identity.all_tags();
    wanted.retain(|key, value| shown.get(key) != Some(value));
    wanted
}
