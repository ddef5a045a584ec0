//! Tags, which RDS stores by ARN.

use aws_sdk_rds::operation::add_tags_to_resource::{
    AddTagsToResourceError, AddTagsToResourceInput, AddTagsToResourceOutput,
};
use aws_sdk_rds::operation::list_tags_for_resource::{
    ListTagsForResourceError, ListTagsForResourceInput, ListTagsForResourceOutput,
};
use aws_sdk_rds::operation::remove_tags_from_resource::{
    RemoveTagsFromResourceError, RemoveTagsFromResourceInput, RemoveTagsFromResourceOutput,
};
use aws_sdk_rds::types::Tag;

use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("rds", "ListTagsForResource", &["resource_name"], ListTagsForResourceError::generic, list);
    registry.on("rds", "AddTagsToResource", &["resource_name", "tags"], AddTagsToResourceError::generic, add);
    registry.on(
        "rds",
        "RemoveTagsFromResource",
        &["resource_name", "tag_keys"],
        RemoveTagsFromResourceError::generic,
        remove,
    );
}

/// Reads the tags of a call.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value().unwrap_or_default().to_owned()))).collect()
}

/// Converts tags to the SDK's type.
pub(super) fn sdk_tags(tags: &Tags) -> Option<Vec<Tag>> {
    Some(tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect())
}

fn find<'a>(call: &'a mut Call<'_>, arn: &str) -> Result<&'a mut Tags, Rejection> {
    let rds = &mut call.region_state().rds;
    let groups = rds.subnet_groups.values_mut().map(|group| (&group.arn, &mut group.tags));
    let parameters = rds.parameter_groups.values_mut().map(|group| (&group.arn, &mut group.tags));
    let instances = rds.instances.values_mut().map(|instance| (&instance.arn, &mut instance.tags));
    match groups.chain(parameters).chain(instances).find(|(of, _)| *of == arn) {
        Some((_, tags)) => Ok(tags),
        // "The specified resource name does not match an RDS resource in this region."
        None => refuse(
            "InvalidParameterValue",
            format!("The specified resource name does not match an RDS resource in this region: {arn}"),
        ),
    }
}

fn list(call: &mut Call<'_>, input: &ListTagsForResourceInput) -> Result<ListTagsForResourceOutput, Rejection> {
    let tags = find(call, input.resource_name().unwrap_or_default())?;
    Ok(ListTagsForResourceOutput::builder().set_tag_list(sdk_tags(tags)).build())
}

fn add(call: &mut Call<'_>, input: &AddTagsToResourceInput) -> Result<AddTagsToResourceOutput, Rejection> {
    find(call, input.resource_name().unwrap_or_default())?.extend(from_sdk(input.tags()));
    Ok(AddTagsToResourceOutput::builder().build())
}

fn remove(call: &mut Call<'_>, input: &RemoveTagsFromResourceInput) -> Result<RemoveTagsFromResourceOutput, Rejection> {
    find(call, input.resource_name().unwrap_or_default())?.retain(|key, _| !input.tag_keys().contains(key));
    Ok(RemoveTagsFromResourceOutput::builder().build())
}
