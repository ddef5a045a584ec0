//! Tags on EC2 things: most have no name of their own, so their tags are their identity.

use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

use crate::aws::{OWNER_ADDRESS, OWNER_STACK};
use crate::resource::{Cx, Error, Observed, Result};
use crate::resources::owned::{self, Tags};

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
    vec![filter(OWNER_STACK, &cx.identity.stack), filter(OWNER_ADDRESS, cx.identity.tag_address().as_str())]
}

/// Brings the tags of a thing that exists to what they should be.
pub(super) async fn retag(cx: &Cx, id: &str) -> Result<()> {
    let tags: Vec<Tag> = cx.tags_to_set().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    if !tags.is_empty() {
        cx.mutate("ec2:CreateTags", || cx.aws.ec2.create_tags().resources(id).set_tags(Some(tags.clone())).send()).await?;
    }
    // A tag that is given without a value goes whatever its value is (DeleteTags).
    let remove = |keys: Vec<String>| {
        let tags = keys.into_iter().map(|key| Tag::builder().key(key).build()).collect();
        cx.aws.ec2.delete_tags().resources(id).set_tags(Some(tags)).send()
    };
    cx.untag("ec2:DeleteTags", remove).await
}

/// Returns tags as a map.
pub(super) fn map(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// Judges what a look by id or by tags has found.
///
/// # Errors
/// More than one thing with the marks of this address.
pub(super) fn judge<T, A>(
    cx: &Cx,
    mut found: Vec<T>,
    tags: impl Fn(&T) -> &[Tag],
    id: impl Fn(&T) -> String,
    attrs: impl FnOnce(T) -> A,
) -> Result<Observed<A>> {
    found.retain(|one| !cx.namesakes.contains(&id(one)));
    match <[T; 1]>::try_from(found) {
        Ok([one]) => {
            let (its, id) = (map(tags(&one)), id(&one));
            Ok(owned::judge(cx, &its, &id, || attrs(one)))
        }
        Err(none) if none.is_empty() => Ok(Observed::Absent),
        Err(many) => Err(Error::Ambiguous(many.iter().map(id).collect())),
    }
}
