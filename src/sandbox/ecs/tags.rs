//! Tags of existing resources.

use aws_sdk_ecs::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_ecs::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};
use aws_sdk_ecs::types::Tag;

use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::tags::Tags;

/// Reads the tags of a create call.
pub(super) fn tags_from_sdk(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
        .collect()
}

/// Converts tags to the SDK's type.
pub(super) fn sdk_tags(tags: &Tags) -> Vec<Tag> {
    tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect()
}

pub(super) fn register(registry: &mut Registry) {
    registry.on("ecs", "TagResource", &["resource_arn", "tags"], TagResourceError::generic, tag);
    registry.on("ecs", "UntagResource", &["resource_arn", "tag_keys"], UntagResourceError::generic, untag);
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    find(call, input.resource_arn())?.extend(tags_from_sdk(input.tags()));
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    find(call, input.resource_arn())?.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagResourceOutput::builder().build())
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Tags, Rejection> {
    let arn = arn.unwrap_or_default();
    let ecs = &mut call.region_state().ecs;
    let cluster = ecs.clusters.values_mut().find(|cluster| cluster.arn == arn && cluster.active).map(|it| &mut it.tags);
    let definition = ecs.task_definitions.get_mut(arn).map(|it| &mut it.tags);
    let service = ecs.services.get_mut(arn).filter(|service| !service.deleted).map(|it| &mut it.tags);
    match cluster.or(definition).or(service) {
        Some(its) => Ok(its),
        // "The specified resource wasn't found" (TagResource).
        None => refuse("ResourceNotFoundException", format!("The specified resource is not found: {arn}")),
    }
}
