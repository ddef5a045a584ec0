//! Tags on EC2 things: most have no name of their own, so their tags are their identity.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::aws::{OWNER_ADDRESS, OWNER_STACK, owner_of};
use crate::resource::{Cx, Error, Observed, Result};

/// The tags for a create call. The `Name` tag, which consoles show, is the address.
pub(super) fn specification(cx: &Cx, what: ResourceType) -> TagSpecification {
    let mut tags = cx.identity.all_tags();
    tags.entry("Name".to_owned())
        .or_insert_with(|| format!("{}-{}", cx.identity.stack.replace('/', "-"), cx.identity.address.as_str().replace('/', "-")));
    let tags = tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    TagSpecification::builder().resource_type(what).set_tags(Some(tags)).build()
}

/// Filters that let only this address's thing through.
pub(super) fn filters(cx: &Cx) -> Vec<Filter> {
    let filter = |key: &str, value: &str| Filter::builder().name(format!("tag:{key}")).values(value).build();
    vec![filter(OWNER_STACK, &cx.identity.stack), filter(OWNER_ADDRESS, cx.identity.address.as_str())]
}

/// Returns whether the tags are those of this address.
pub(super) fn is_ours(cx: &Cx, tags: &[Tag]) -> bool {
    let has = |key: &str, value: &str| tags.iter().any(|tag| tag.key() == Some(key) && tag.value() == Some(value));
    has(OWNER_STACK, &cx.identity.stack) && has(OWNER_ADDRESS, cx.identity.address.as_str())
}

/// Judges what a look by id or by tags has found.
///
/// # Errors
/// More than one thing with the marks of this address.
pub(super) fn judge<T, A>(
    cx: &Cx,
    found: Vec<T>,
    tags: impl Fn(&T) -> &[Tag],
    id: impl Fn(&T) -> String,
    attrs: impl FnOnce(T) -> A,
) -> Result<Observed<A>> {
    match <[T; 1]>::try_from(found) {
        Ok([one]) if is_ours(cx, tags(&one)) => Ok(Observed::Ours(attrs(one))),
        Ok([one]) => {
            let owner = owner_of(tags(&one).iter().filter_map(|tag| Some((tag.key()?, tag.value()?))));
            Ok(Observed::Foreign { id: id(&one), owner })
        }
        Err(none) if none.is_empty() => Ok(Observed::Absent),
        Err(many) => Err(Error::Ambiguous(many.iter().map(id).collect())),
    }
}
