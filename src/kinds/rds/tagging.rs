//! Tags of RDS resources. Only the description of an instance contains them; those of groups need a call of their own.

use async_trait::async_trait;
use aws_sdk_rds::types::Tag;

use crate::ownership::Tags;
use crate::tag_index;
use infra_core::resource::{Result, StepContext, Tagger};

/// Sets and removes tags by ARN.
pub struct Rds;

#[async_trait]
impl Tagger for Rds {
    const CALLS: &'static [&'static str] = &["rds:AddTagsToResource", "rds:RemoveTagsFromResource"];

    async fn sync(cx: &StepContext, arn: &str) -> Result<()> {
        let tags = to_sdk(cx.tags_to_set());
        if !tags.is_empty() {
            let call = || cx.aws.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags.clone())).send();
            cx.mutate("rds:AddTagsToResource", call).await?;
        }
        let remove = |keys| cx.aws.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys)).send();
        cx.untag("rds:RemoveTagsFromResource", remove).await
    }
}

/// Converts tags for a call.
pub(super) fn to_sdk(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Converts the tags of a response.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Returns the tags of a group.
pub(super) async fn list(cx: &StepContext, arn: &str) -> Result<Tags> {
    if let Some(tags) = tag_index::tags(cx, arn).await? {
        return Ok(tags);
    }
    let call = cx.aws.rds.list_tags_for_resource().resource_name(arn).send();
    Ok(from_sdk(cx.read("rds:ListTagsForResource", call).await?.tag_list()))
}
