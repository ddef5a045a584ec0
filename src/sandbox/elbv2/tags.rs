//! Tags of load balancers, target groups, listeners and rules.

use aws_sdk_elasticloadbalancingv2::operation::add_tags::{AddTagsError, AddTagsInput, AddTagsOutput};
use aws_sdk_elasticloadbalancingv2::operation::describe_tags::{
    DescribeTagsError, DescribeTagsInput, DescribeTagsOutput,
};
use aws_sdk_elasticloadbalancingv2::operation::remove_tags::{RemoveTagsError, RemoveTagsInput, RemoveTagsOutput};
use aws_sdk_elasticloadbalancingv2::types::{Tag, TagDescription};

use super::names::SERVICE;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::elbv2::Elbv2;
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on(SERVICE, "AddTags", &["resource_arns", "tags"], AddTagsError::generic, add);
    registry.on(SERVICE, "RemoveTags", &["resource_arns", "tag_keys"], RemoveTagsError::generic, remove);
    registry.on(SERVICE, "DescribeTags", &["resource_arns"], DescribeTagsError::generic, describe);
}

/// Reads the tags of a create call.
pub(super) fn from_sdk(tags: &[Tag]) -> Tags {
    tags.iter()
        .map(|tag| (tag.key().unwrap_or_default().to_owned(), tag.value().unwrap_or_default().to_owned()))
        .collect()
}

fn describe(call: &mut Call<'_>, input: &DescribeTagsInput) -> Result<DescribeTagsOutput, Rejection> {
    // "You can specify up to 20 resources in a single call" (DescribeTags).
    if input.resource_arns().len() > 20 {
        return refuse("ValidationError", "Only 20 resources can be described in one call");
    }
    let elb = &mut call.region_state().elbv2;
    let mut found = Vec::new();
    for arn in input.resource_arns() {
        let tags = match find(elb, arn) {
            Ok(tags) => tags.iter().map(|(key, value)| Tag::builder().key(key).value(value).build()).collect(),
            Err(code) => return refuse(code, format!("'{arn}' is not a valid or known ARN")),
        };
        found.push(TagDescription::builder().resource_arn(arn).set_tags(Some(tags)).build());
    }
    Ok(DescribeTagsOutput::builder().set_tag_descriptions(Some(found)).build())
}

fn add(call: &mut Call<'_>, input: &AddTagsInput) -> Result<AddTagsOutput, Rejection> {
    let elb = &mut call.region_state().elbv2;
    for arn in input.resource_arns() {
        match find(elb, arn) {
            Ok(tags) => tags.extend(from_sdk(input.tags())),
            Err(code) => return refuse(code, format!("'{arn}' is not a valid or known ARN")),
        }
    }
    Ok(AddTagsOutput::builder().build())
}

fn remove(call: &mut Call<'_>, input: &RemoveTagsInput) -> Result<RemoveTagsOutput, Rejection> {
    let elb = &mut call.region_state().elbv2;
    for arn in input.resource_arns() {
        match find(elb, arn) {
            Ok(tags) => tags.retain(|key, _| !input.tag_keys().contains(key)),
            Err(code) => return refuse(code, format!("'{arn}' is not a valid or known ARN")),
        }
    }
    Ok(RemoveTagsOutput::builder().build())
}

/// Returns the tags of the resource with this ARN, or AWS's error code if it does not exist.
fn find<'a>(elb: &'a mut Elbv2, arn: &str) -> Result<&'a mut Tags, &'static str> {
    match arn
        .split_once(":elasticloadbalancing:")
        .and_then(|(_, rest)| rest.split(':').nth(2))
        .and_then(|rest| rest.split('/').next())
    {
        Some("loadbalancer") => elb.load_balancers.get_mut(arn).map(|it| &mut it.tags).ok_or("LoadBalancerNotFound"),
        Some("targetgroup") => elb.target_groups.get_mut(arn).map(|it| &mut it.tags).ok_or("TargetGroupNotFound"),
        Some("listener") => elb.listeners.get_mut(arn).map(|it| &mut it.tags).ok_or("ListenerNotFound"),
        // Default rules can have tags of their own, which the sandbox does not model.
        Some("listener-rule") if elb.default_rule(arn).is_some() => Err("SandboxUnknownMember"),
        Some("listener-rule") => elb.rules.get_mut(arn).map(|it| &mut it.tags).ok_or("RuleNotFound"),
        _ => Err("ValidationError"),
    }
}
