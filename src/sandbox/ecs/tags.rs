//! Tags of things that exist.

use aws_sdk_ecs::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_ecs::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};

use super::tags_of;
use crate::sandbox::registry::{Call, Registry, Rejection, refuse};
use crate::sandbox::world::ec2::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("ecs", "TagResource", &["resource_arn", "tags"], TagResourceError::generic, tag);
    registry.on("ecs", "UntagResource", &["resource_arn", "tag_keys"], UntagResourceError::generic, untag);
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    find(call, input.resource_arn())?.extend(tags_of(input.tags()));
    Ok(TagResourceOutput::builder().build())
}

fn untag(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    find(call, input.resource_arn())?.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagResourceOutput::builder().build())
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Tags, Rejection> {
    let arn = arn.unwrap_or_default();
    let ecs = &mut call.here().ecs;
    let cluster = ecs.clusters.values_mut().find(|cluster| cluster.arn == arn && cluster.active).map(|it| &mut it.tags);
    let definition = ecs.task_definitions.get_mut(arn).map(|it| &mut it.tags);
    let service = ecs.services.get_mut(arn).filter(|service| !service.deleted).map(|it| &mut it.tags);
    match cluster.or(definition).or(service) {
        Some(its) => Ok(its),
        // "The specified resource wasn't found" (TagResource).
        None => refuse("ResourceNotFoundException", format!("The specified resource is not found: {arn}")),
    }
}
