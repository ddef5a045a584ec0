//! Whose a thing with a name is, told by its tags.

use crate::aws::{OWNER_ADDRESS, OWNER_STACK, owner_of};
use crate::resource::{Cx, Observed};

/// Judges a thing that was found by its name or ARN.
pub(super) fn judge<'a, A>(cx: &Cx, tags: impl IntoIterator<Item = (&'a str, &'a str)>, id: &str, attrs: A) -> Observed<A> {
    let tags: Vec<(&str, &str)> = tags.into_iter().collect();
    let has = |key: &'static str, value: &str| tags.iter().any(|(its, what)| *its == key && *what == value);
    if has(OWNER_STACK, &cx.identity.stack) && has(OWNER_ADDRESS, cx.identity.address.as_str()) {
        Observed::Ours(attrs)
    } else {
        Observed::Foreign { id: id.to_owned(), owner: owner_of(tags) }
    }
}
