//! Tags of DMS resources.

use aws_sdk_databasemigration::operation::add_tags_to_resource::{
    AddTagsToResourceError, AddTagsToResourceInput, AddTagsToResourceOutput,
};
use aws_sdk_databasemigration::operation::list_tags_for_resource::{
    ListTagsForResourceError, ListTagsForResourceInput, ListTagsForResourceOutput,
};
use aws_sdk_databasemigration::operation::remove_tags_from_resource::{
    RemoveTagsFromResourceError, RemoveTagsFromResourceInput, RemoveTagsFromResourceOutput,
};
use aws_sdk_databasemigration::types::Tag;

use super::conversion::tags_from_sdk;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("dms", "AddTagsToResource", &["resource_arn", "tags"], AddTagsToResourceError::generic, add);
    registry.on(
        "dms",
        "RemoveTagsFromResource",
        &["resource_arn", "tag_keys"],
        RemoveTagsFromResourceError::generic,
        remove,
    );
    registry.on("dms", "ListTagsForResource", &["resource_arn"], ListTagsForResourceError::generic, list);
}

fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Tags, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().dms.tags_of(arn) {
        Some(tags) => Ok(tags),
        None => refuse("ResourceNotFoundFault", format!("Resource {arn} not found")),
    }
}

fn add(call: &mut Call<'_>, input: &AddTagsToResourceInput) -> Result<AddTagsToResourceOutput, Rejection> {
    find(call, input.resource_arn())?.extend(tags_from_sdk(input.tags()));
    Ok(AddTagsToResourceOutput::builder().build())
}

fn remove(call: &mut Call<'_>, input: &RemoveTagsFromResourceInput) -> Result<RemoveTagsFromResourceOutput, Rejection> {
    find(call, input.resource_arn())?.retain(|key, _| !input.tag_keys().contains(key));
    Ok(RemoveTagsFromResourceOutput::builder().build())
}

fn list(call: &mut Call<'_>, input: &ListTagsForResourceInput) -> Result<ListTagsForResourceOutput, Rejection> {
    let tags = find(call, input.resource_arn())?
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build())
        .collect();
    Ok(ListTagsForResourceOutput::builder().set_tag_list(Some(tags)).build())
}
