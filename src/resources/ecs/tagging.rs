//! Tags of clusters, task definitions and services.

use aws_sdk_ecs::types::Tag;

use crate::resource::{Cx, Observed, Result};
use crate::resources::owned;

/// The tags for a create call.
pub(super) fn all(cx: &Cx) -> Vec<Tag> {
    cx.identity.all_tags().into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Judges a thing by its tags.
pub(super) fn judge<A>(cx: &Cx, tags: &[Tag], id: &str, attrs: A) -> Observed<A> {
    let tags = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    owned::judge(cx, &tags, id, || attrs)
}

/// Sets the tags of a thing that exists.
pub(super) async fn retag(cx: &Cx, arn: &str) -> Result<()> {
    let tags = all(cx);
    cx.mutate("ecs:TagResource", || cx.aws.ecs.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send()).await.map(drop)
}
