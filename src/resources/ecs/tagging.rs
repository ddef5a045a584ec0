//! Tags of clusters, task definitions and services.

use aws_sdk_ecs::types::Tag;

use crate::resource::{Cx, Observed, Result};
use crate::resources::owned::{self, Tags};

/// The tags for a create call.
pub(super) fn all(cx: &Cx) -> Vec<Tag> {
    sent(cx.identity.all_tags())
}

fn sent(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Judges a thing by its tags.
pub(super) fn judge<A>(cx: &Cx, tags: &[Tag], id: &str, attrs: A) -> Observed<A> {
    let tags = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    owned::judge(cx, &tags, id, || attrs)
}

/// Brings the tags of a thing that exists to what they should be.
pub(super) async fn retag(cx: &Cx, arn: &str) -> Result<()> {
    let tags = sent(cx.tags_to_set());
    if !tags.is_empty() {
        cx.mutate("ecs:TagResource", || cx.aws.ecs.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send()).await?;
    }
    cx.untag("ecs:UntagResource", |keys| cx.aws.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send()).await
}
