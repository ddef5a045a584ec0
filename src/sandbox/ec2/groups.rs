//! Security groups.

use aws_sdk_ec2::operation::create_security_group::{
    CreateSecurityGroupError, CreateSecurityGroupInput, CreateSecurityGroupOutput,
};
use aws_sdk_ec2::operation::delete_security_group::{
    DeleteSecurityGroupError, DeleteSecurityGroupInput, DeleteSecurityGroupOutput,
};
use aws_sdk_ec2::operation::describe_security_groups::{
    DescribeSecurityGroupsError, DescribeSecurityGroupsInput, DescribeSecurityGroupsOutput,
};
use aws_sdk_ec2::types::ResourceType;

use super::filters::{matches_filters, sdk_tags, tags_from_specifications};
use super::{group_defaults, vpcs};
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::ec2::{Ec2, Peer, SecurityGroup};

pub(super) fn register(registry: &mut Registry) {
    let fields = &["group_name", "description", "vpc_id", "tag_specifications"];
    registry.on("ec2", "CreateSecurityGroup", fields, CreateSecurityGroupError::generic, create);
    registry.on(
        "ec2",
        "DescribeSecurityGroups",
        &["group_ids", "filters"],
        DescribeSecurityGroupsError::generic,
        describe,
    );
    registry.on("ec2", "DeleteSecurityGroup", &["group_id"], DeleteSecurityGroupError::generic, delete);
}

/// "Constraints: a-z, A-Z, 0-9, spaces, and ._-:/()#,@[]+=&;{}!$*", up to 255 characters (CreateSecurityGroup).
fn is_valid_text(text: &str) -> bool {
    text.len() <= 255
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || " ._-:/()#,@[]+=&;{}!$*".contains(letter))
}

fn create(call: &mut Call<'_>, input: &CreateSecurityGroupInput) -> Result<CreateSecurityGroupOutput, Rejection> {
    let (name, description) = (input.group_name().unwrap_or_default(), input.description().unwrap_or_default());
    if name.is_empty() || description.is_empty() {
        return refuse("MissingParameter", "The request must contain the parameters groupName and groupDescription");
    }
    if !is_valid_text(name) || name.starts_with("sg-") {
        // "Cannot start with sg-" (CreateSecurityGroup).
        return refuse(
            "InvalidParameterValue",
            format!("Value ({name}) for parameter GroupName is invalid. Group names may not be in the format sg-*."),
        );
    }
    if !is_valid_text(description) {
        let message = format!(
            "Value ({description}) for parameter GroupDescription is invalid. Character sets beyond ASCII are not \
             supported."
        );
        return refuse("InvalidParameterValue", message);
    }
    if name == "default" {
        return refuse("InvalidGroup.Reserved", "Cannot use reserved security group name: default");
    }
    let tags = tags_from_specifications(input.tag_specifications(), &ResourceType::SecurityGroup)?;
    let vpc_id = vpcs::find(call, input.vpc_id().unwrap_or_default())?.vpc_id.clone();
    if call.region_state().ec2.security_groups.values().any(|group| group.vpc_id == vpc_id && group.group_name == name)
    {
        return refuse(
            "InvalidGroup.Duplicate",
            format!("The security group '{name}' already exists for VPC '{vpc_id}'"),
        );
    }
    let used = call.region_state().ec2.security_groups.len();
    quotas::check(call, "security_groups", used)?;
    let group_id = call.new_id("sg");
    let answer = CreateSecurityGroupOutput::builder().group_id(&group_id).set_tags(sdk_tags(&tags)).build();
    group_defaults::insert(
        call,
        SecurityGroup { group_id, group_name: name.to_owned(), description: description.to_owned(), vpc_id, tags },
    );
    Ok(answer)
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeSecurityGroupsInput,
) -> Result<DescribeSecurityGroupsOutput, Rejection> {
    let ec2 = &call.region_state().ec2;
    let ids = input.group_ids();
    if let Some(missing) = ids.iter().find(|id| !ec2.security_groups.contains_key(*id)) {
        return not_found(missing);
    }
    let mut found = Vec::new();
    for group in ec2.security_groups.values().filter(|group| ids.is_empty() || ids.contains(&group.group_id)) {
        let field = |name: &str| match name {
            "vpc-id" => Some(vec![group.vpc_id.clone()]),
            "group-id" => Some(vec![group.group_id.clone()]),
            "group-name" => Some(vec![group.group_name.clone()]),
            "ip-permission.group-id" => Some(peers(ec2, &group.group_id, false)),
            "egress.ip-permission.group-id" => Some(peers(ec2, &group.group_id, true)),
            _ => None,
        };
        if matches_filters(input.filters(), &group.tags, field)? {
            found.push(to_sdk(group));
        }
    }
    Ok(DescribeSecurityGroupsOutput::builder().set_security_groups(Some(found)).build())
}

/// Returns the groups that the rules of a group refer to.
fn peers(ec2: &Ec2, group_id: &str, is_egress: bool) -> Vec<String> {
    let rules =
        ec2.security_group_rules.values().filter(|rule| rule.group_id == group_id && rule.is_egress == is_egress);
    rules.filter_map(|rule| if let Peer::Group(peer) = &rule.peer { Some(peer.clone()) } else { None }).collect()
}

fn to_sdk(group: &SecurityGroup) -> aws_sdk_ec2::types::SecurityGroup {
    aws_sdk_ec2::types::SecurityGroup::builder()
        .group_id(&group.group_id)
        .group_name(&group.group_name)
        .description(&group.description)
        .vpc_id(&group.vpc_id)
        .set_tags(sdk_tags(&group.tags))
        .build()
}

pub(super) fn not_found<T>(id: &str) -> Result<T, Rejection> {
    refuse("InvalidGroup.NotFound", format!("The security group '{id}' does not exist"))
}

fn delete(call: &mut Call<'_>, input: &DeleteSecurityGroupInput) -> Result<DeleteSecurityGroupOutput, Rejection> {
    let id = input.group_id().unwrap_or_default();
    let ec2 = &mut call.region_state().ec2;
    let Some(group) = ec2.security_groups.get(id) else { return not_found(id) };
    if group.is_default() {
        return refuse(
            "CannotDelete",
            format!("the specified group: \"{id}\" name: \"default\" cannot be deleted by a user"),
        );
    }
    // "If you attempt to delete a security group that is associated with an instance or network interface, or is
    // referenced by another security group, the operation fails with DependencyViolation" (DeleteSecurityGroup).
    if ec2.is_referenced(id)
        || ec2.interfaces.values().any(|interface| interface.group_ids.iter().any(|group| group == id))
    {
        return refuse("DependencyViolation", format!("resource {id} has a dependent object"));
    }
    ec2.security_groups.remove(id);
    ec2.security_group_rules.retain(|_, rule| rule.group_id != id);
    Ok(DeleteSecurityGroupOutput::builder().group_id(id).build())
}
