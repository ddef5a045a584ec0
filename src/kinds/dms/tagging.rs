//! Tags of DMS resources. Every create call accepts them.

use async_trait::async_trait;
use aws_sdk_databasemigration::types::Tag;

use super::codes::NOT_FOUND;
use crate::ownership::Tags;
use crate::tag_index;
use infra_core::resource::{Result, StepContext, Tagger, ignore_codes};

/// Sets and removes tags by ARN.
pub struct Dms;

#[async_trait]
impl Tagger for Dms {
    const CALLS: &'static [&'static str] = &["dms:AddTagsToResource", "dms:RemoveTagsFromResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.dms.add_tags_to_resource().resource_arn(arn).set_tags(Some(tags.clone())).send();
            cx.mutate("dms:AddTagsToResource", call).await?;
        }
        let remove = |keys| cx.aws.dms.remove_tags_from_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
        cx.untag("dms:RemoveTagsFromResource", remove).await
    }

    async fn exists(cx: &StepContext, arn: &str) -> Result<bool> {
        Ok(list(cx, arn).await?.is_some())
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tags of a resource, or `None` when it does not exist.
pub(super) async fn list(cx: &StepContext, arn: &str) -> Result<Option<Tags>> {
    if let Some(tags) = tag_index::tags(cx, arn).await? {
        return Ok(Some(tags));
    }
    let call = cx.aws.dms.list_tags_for_resource().resource_arn(arn).send();
    let found = ignore_codes(cx.read("dms:ListTagsForResource", call).await, NOT_FOUND)?;
    Ok(found.map(|found| {
        let tags = found.tag_list.unwrap_or_default();
        tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
    }))
}
