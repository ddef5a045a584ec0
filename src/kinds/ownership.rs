//! Who owns a resource, according to its tags. It is the same for every service that keeps tags as keys and values.

use std::collections::BTreeMap;

use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK, Owner};
use infra_core::resource::{Observed, StepContext};

/// Tags by key.
pub(super) type Tags = BTreeMap<String, String>;

/// Classifies a resource that was found by its name or id.
pub(super) fn classify<A>(cx: &StepContext, tags: &Tags, id: &str, attrs: impl FnOnce() -> A) -> Observed<A> {
    match foreign_owner(cx, tags) {
        None => Observed::Ours(attrs()),
        Some(owner) => Observed::Foreign { id: id.to_owned(), owner },
    }
}

/// Returns the owner of a resource whose tags are not those of this address.
pub(super) fn foreign_owner(cx: &StepContext, tags: &Tags) -> Option<Owner> {
    let has = |key: &str, value: &str| tags.get(key).is_some_and(|tag| tag == value);
    let ours = has(OWNER_STACK, &cx.identity.stack) && has(OWNER_ADDRESS, cx.identity.tag_address().as_str());
    if cx.adopting && !tags.contains_key(OWNER_STACK) {
        return None;
    }
    if ours {
        cx.observed_tags(tags);
    }
    (!ours).then(|| Owner::of_tags(tags.iter().map(|(key, value)| (key.as_str(), value.as_str()))))
}

/// Returns the owner of a resource whose tags come after its creation, if it is not this address. Until then, the
/// reference that the creation was sent with, which is the token, shows whose it is.
pub(super) fn foreign_owner_of_tagged_later(cx: &StepContext, tags: &Tags, reference: &str) -> Option<Owner> {
    let is_new = !tags.contains_key(OWNER_STACK) && reference == cx.identity.token;
    foreign_owner(cx, tags).filter(|_| !is_new)
}

/// Returns the tags that are missing or have another value.
pub(super) fn missing_tags(cx: &StepContext, observed: &Tags) -> Tags {
    let mut wanted = cx.identity.all_tags();
    wanted.retain(|key, value| observed.get(key) != Some(value));
    wanted
}
