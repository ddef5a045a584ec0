//! Ownership of things that have a name: the name finds them, their tags tell whose they are.

use std::collections::BTreeMap;

use crate::aws::{OWNER_ADDRESS, OWNER_STACK, owner_of};
use crate::resource::Cx;

/// Returns whose a thing is if its tags are not those of this address.
pub(crate) fn other_owner(cx: &Cx, tags: &BTreeMap<String, String>) -> Option<String> {
    let has = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
    let ours = has(OWNER_STACK, &cx.identity.stack) && has(OWNER_ADDRESS, cx.identity.address.as_str());
    (!ours).then(|| owner_of(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// Returns the tags that the thing should carry and does not, or carries with another value. Tags that somebody else has
/// added are left alone.
pub(crate) fn missing_tags(cx: &Cx, tags: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let mut missing = cx.identity.all_tags();
    missing.retain(|key, value| tags.get(key) != Some(value));
    missing
}
