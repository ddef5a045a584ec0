//! Tags of clusters, task definitions and services.

use async_trait::async_trait;
use aws_sdk_ecs::types::Tag;

use crate::ownership::{self, Tags};
use infra_core::resource::{Observed, Result, StepContext, Tagger};

/// Sets and removes tags by ARN.
pub struct Ecs;

#[async_trait]
impl Tagger for Ecs {
    const CALLS: &'static [&'static str] = &["ecs:TagResource", "ecs:UntagResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.ecs.tag_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
            cx.mutate("ecs:TagResource", call).await?;
        }
        let remove = |keys| cx.aws.ecs.untag_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        cx.untag("ecs:UntagResource", remove).await
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Classifies a resource by its tags.
pub(super) fn classify<A>(cx: &StepContext, tags: &[Tag], id: &str, attrs: A) -> Observed<A> {
    let tags = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    ownership::classify(cx, &tags, id, || attrs)
}
