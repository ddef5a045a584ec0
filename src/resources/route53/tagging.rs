//! Tags of zones and health checks. The create calls take none: they are set in a second call.

use std::collections::BTreeMap;

use aws_sdk_route53::types::{Tag, TagResourceType};

use crate::resource::{Cx, Result, settled};
use crate::resources::owned::Tags;

/// "A list of up to 10 resource ids" (ListTagsForResources), and 10 tags a call (ChangeTagsForResource).
const AT_ONCE: usize = 10;

/// Returns the tags of each of the things; one that is gone in the meantime is left out.
pub(super) async fn of(cx: &Cx, what: &TagResourceType, ids: &[String]) -> Result<BTreeMap<String, Tags>> {
    let mut found = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let call = cx.aws.route53.list_tags_for_resources().resource_type(what.clone()).set_resource_ids(Some(ids.to_vec())).send();
        let gone = ["NoSuchHostedZone", "NoSuchHealthCheck"];
        let Some(answer) = settled(cx.read("route53:ListTagsForResources", call).await, &gone)? else { continue };
        for set in answer.resource_tag_sets {
            let tags = set.tags().iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned())));
            found.insert(set.resource_id().unwrap_or_default().to_owned(), tags.collect());
        }
    }
    Ok(found)
}

/// Adds the tags that are missing, and takes off those that are no longer wanted.
pub(super) async fn bring(cx: &Cx, what: &TagResourceType, id: &str, missing: &Tags) -> Result<()> {
    let why = "Route 53 to finish an earlier change";
    let tags: Vec<Tag> = missing.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    for tags in tags.chunks(AT_ONCE) {
        let call = || cx.aws.route53.change_tags_for_resource().resource_type(what.clone()).resource_id(id).set_add_tags(Some(tags.to_vec())).send();
        cx.retry(why, super::BUSY, super::BUSY_SECONDS, || cx.mutate("route53:ChangeTagsForResource", call)).await?;
    }
    let remove = |keys| cx.aws.route53.change_tags_for_resource().resource_type(what.clone()).resource_id(id).set_remove_tag_keys(Some(keys)).send();
    cx.retry(why, super::BUSY, super::BUSY_SECONDS, || cx.untag("route53:ChangeTagsForResource", remove)).await
}
