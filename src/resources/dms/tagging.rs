//! Tags of DMS things. All of them can be given in the create call.

use aws_sdk_databasemigration::types::Tag;

use super::NOT_FOUND;
use crate::resource::{Cx, Result, settled};
use crate::resources::owned::Tags;

/// Tags as DMS takes them.
pub(super) fn sent(tags: Tags) -> Vec<Tag> {
    tags.into_iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

/// Returns the tags of a thing; `None` when it is gone.
pub(super) async fn of(cx: &Cx, arn: &str) -> Result<Option<Tags>> {
    let call = cx.aws.dms.list_tags_for_resource().resource_arn(arn).send();
    let found = settled(cx.read("dms:ListTagsForResource", call).await, NOT_FOUND)?;
    Ok(found.map(|found| {
        let tags = found.tag_list.unwrap_or_default();
        tags.into_iter().filter_map(|tag| Some((tag.key?, tag.value.unwrap_or_default()))).collect()
    }))
}

/// Brings the tags of a thing that exists to what they should be.
pub(super) async fn retag(cx: &Cx, arn: &str) -> Result<()> {
    let tags = sent(cx.tags_to_set());
    if !tags.is_empty() {
        cx.mutate("dms:AddTagsToResource", || cx.aws.dms.add_tags_to_resource().resource_arn(arn).set_tags(Some(tags.clone())).send()).await?;
    }
    let remove = |keys| cx.aws.dms.remove_tags_from_resource().resource_arn(arn).set_tag_keys(Some(keys)).send();
    cx.untag("dms:RemoveTagsFromResource", remove).await
}
