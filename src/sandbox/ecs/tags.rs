//! Tags of things that exist.

use aws_sdk_ecs::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};

use super::tags_of;
use crate::sandbox::registry::{Call, Registry, Rejection, refuse};

pub(super) fn register(registry: &mut Registry) {
    registry.on("ecs", "TagResource", &["resource_arn", "tags"], TagResourceError::generic, tag);
}

fn tag(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    let arn = input.resource_arn().unwrap_or_default();
    let ecs = &mut call.here().ecs;
    let cluster = ecs.clusters.values_mut().find(|cluster| cluster.arn == arn && cluster.active).map(|it| &mut it.tags);
    let definition = ecs.task_definitions.get_mut(arn).map(|it| &mut it.tags);
    let service = ecs.services.get_mut(arn).filter(|service| !service.deleted).map(|it| &mut it.tags);
    match cluster.or(definition).or(service) {
        Some(its) => its.extend(tags_of(input.tags())),
        // "The specified resource wasn't found" (TagResource).
        None => return refuse("ResourceNotFoundException", format!("The specified resource is not found: {arn}")),
    }
    Ok(TagResourceOutput::builder().build())
}
