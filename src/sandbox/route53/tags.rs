//! Tags of zones and health checks.

use aws_sdk_route53::operation::change_tags_for_resource::{
    ChangeTagsForResourceError, ChangeTagsForResourceInput, ChangeTagsForResourceOutput,
};
use aws_sdk_route53::operation::list_tags_for_resources::{
    ListTagsForResourcesError, ListTagsForResourcesInput, ListTagsForResourcesOutput,
};
use aws_sdk_route53::types::{ResourceTagSet, Tag, TagResourceType};

use super::names::no_zone;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["resource_type", "resource_id", "add_tags", "remove_tag_keys"];
    registry.on("route53", "ChangeTagsForResource", fields, ChangeTagsForResourceError::generic, change);
    registry.on(
        "route53",
        "ListTagsForResources",
        &["resource_type", "resource_ids"],
        ListTagsForResourcesError::generic,
        list,
    );
}

fn tags_mut<'a>(call: &'a mut Call<'_>, what: Option<&TagResourceType>, id: &str) -> Result<&'a mut Tags, Rejection> {
    let route53 = &mut call.world.route53;
    match what {
        Some(TagResourceType::Hostedzone) => match route53.zones.get_mut(id) {
            Some(zone) => Ok(&mut zone.tags),
            None => no_zone(id),
        },
        _ => match route53.health_checks.get_mut(id) {
            Some(check) => Ok(&mut check.tags),
            None => refuse("NoSuchHealthCheck", format!("A health check with id {id} does not exist.")),
        },
    }
}

fn change(call: &mut Call<'_>, input: &ChangeTagsForResourceInput) -> Result<ChangeTagsForResourceOutput, Rejection> {
    // "AddTags: Array Members: Minimum number of 1 item. Maximum number of 10 items"; the same applies to
    // RemoveTagKeys.
    let (adds, removes) = (input.add_tags(), input.remove_tag_keys());
    if (adds.is_empty() && removes.is_empty()) || adds.len() > 10 || removes.len() > 10 {
        return refuse("InvalidInput", "AddTags and RemoveTagKeys must have 1 to 10 items");
    }
    let tags = tags_mut(call, input.resource_type(), input.resource_id().unwrap_or_default())?;
    tags.retain(|key, _| !removes.contains(key));
    tags.extend(
        adds.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))),
    );
    Ok(ChangeTagsForResourceOutput::builder().build())
}

fn list(call: &mut Call<'_>, input: &ListTagsForResourcesInput) -> Result<ListTagsForResourcesOutput, Rejection> {
    if !(1..=10).contains(&input.resource_ids().len()) {
        return refuse("InvalidInput", "ResourceIds must have 1 to 10 items");
    }
    let mut sets = Vec::new();
    for id in input.resource_ids() {
        let tags = tags_mut(call, input.resource_type(), id)?
            .iter()
            .map(|(key, value)| Tag::builder().key(key).value(value).build())
            .collect();
        sets.push(
            ResourceTagSet::builder()
                .set_resource_type(input.resource_type().cloned())
                .resource_id(id)
                .set_tags(Some(tags))
                .build(),
        );
    }
    crate::registry::built(ListTagsForResourcesOutput::builder().set_resource_tag_sets(Some(sets)).build())
}
