//! Tags on alarms and dashboards.

use aws_sdk_cloudwatch::operation::list_tags_for_resource::{
    ListTagsForResourceError, ListTagsForResourceInput, ListTagsForResourceOutput,
};
use aws_sdk_cloudwatch::operation::tag_resource::{TagResourceError, TagResourceInput, TagResourceOutput};
use aws_sdk_cloudwatch::operation::untag_resource::{UntagResourceError, UntagResourceInput, UntagResourceOutput};
use aws_sdk_cloudwatch::types::Tag;

use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on("cloudwatch", "ListTagsForResource", &["resource_arn"], ListTagsForResourceError::generic, list);
    registry.on("cloudwatch", "TagResource", &["resource_arn", "tags"], TagResourceError::generic, add);
    registry.on("cloudwatch", "UntagResource", &["resource_arn", "tag_keys"], UntagResourceError::generic, remove);
}

/// Reads the tags of a create call.
pub(super) fn read(tags: &[Tag]) -> Result<Tags, Rejection> {
    let read: Tags = tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect();
    // "You can associate as many as 50 tags with a CloudWatch resource."
    if read.len() > 50 {
        refuse("InvalidParameterValue", "The number of tags exceeds the limit of 50")
    } else {
        Ok(read)
    }
}

/// "The ARN format of an alarm is arn:aws:cloudwatch:Region:account-id:alarm:alarm-name", that of a dashboard
/// "arn:aws:cloudwatch::account-id:dashboard/dashboard-name" (ListTagsForResource).
fn find<'a>(call: &'a mut Call<'_>, arn: Option<&str>) -> Result<&'a mut Tags, Rejection> {
    let arn = arn.unwrap_or_default();
    let alarms = call.arn("cloudwatch", "alarm:");
    let dashboards = format!("arn:{}:cloudwatch::{}:dashboard/", call.region.partition(), call.account());
    let found = if let Some(name) = arn.strip_prefix(alarms.as_str()) {
        call.region_state().cloudwatch.alarms.get_mut(name).map(|alarm| &mut alarm.tags)
    } else if let Some(name) = arn.strip_prefix(dashboards.as_str()) {
        call.world.dashboards.0.get_mut(name).map(|dashboard| &mut dashboard.tags)
    } else {
        return refuse("InvalidParameterValue", format!("Invalid resource ARN: {arn}"));
    };
    match found {
        Some(tags) => Ok(tags),
        None => refuse("ResourceNotFoundException", format!("The resource {arn} does not exist")),
    }
}

fn list(call: &mut Call<'_>, input: &ListTagsForResourceInput) -> Result<ListTagsForResourceOutput, Rejection> {
    let tags = find(call, input.resource_arn())?;
    let described = tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect();
    Ok(ListTagsForResourceOutput::builder().set_tags(Some(described)).build())
}

fn add(call: &mut Call<'_>, input: &TagResourceInput) -> Result<TagResourceOutput, Rejection> {
    let more = read(input.tags())?;
    find(call, input.resource_arn())?.extend(more);
    Ok(TagResourceOutput::builder().build())
}

fn remove(call: &mut Call<'_>, input: &UntagResourceInput) -> Result<UntagResourceOutput, Rejection> {
    find(call, input.resource_arn())?.retain(|key, _| !input.tag_keys().contains(key));
    Ok(UntagResourceOutput::builder().build())
}
