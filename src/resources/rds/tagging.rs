//! Tags on RDS things. Only instances show theirs in the answer that describes them; groups are asked.

use aws_sdk_rds::types::Tag;

use crate::resource::{Cx, Result};
use crate::resources::owned::{Tags, missing};

/// The tags for a create call.
pub(super) fn sent(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Reads tags out of an answer.
pub(super) fn read(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Asks for the tags of a group.
pub(super) async fn of(cx: &Cx, arn: &str) -> Result<Tags> {
    let found = cx.read("rds:ListTagsForResource", cx.aws.rds.list_tags_for_resource().resource_name(arn).send()).await?;
    Ok(read(found.tag_list()))
}

/// Adds the tags that differ from those shown, takes off those that are no longer wanted, and returns all of ours.
pub(super) async fn bring(cx: &Cx, arn: &str, mut shown: Tags) -> Result<Tags> {
    let missing = missing(cx, &shown);
    if !missing.is_empty() {
        let tags = sent(missing.clone());
        let call = || cx.aws.rds.add_tags_to_resource().resource_name(arn).set_tags(Some(tags.clone())).send();
        cx.mutate("rds:AddTagsToResource", call).await?;
        shown.extend(missing);
    }
    let remove = |keys| cx.aws.rds.remove_tags_from_resource().resource_name(arn).set_tag_keys(Some(keys)).send();
    cx.untag("rds:RemoveTagsFromResource", remove).await?;
    Ok(shown)
}
