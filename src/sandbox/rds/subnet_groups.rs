//! DB subnet groups.

use std::collections::BTreeSet;

use aws_sdk_rds::operation::create_db_subnet_group::{
    CreateDBSubnetGroupError, CreateDbSubnetGroupInput, CreateDbSubnetGroupOutput,
};
use aws_sdk_rds::operation::delete_db_subnet_group::{
    DeleteDBSubnetGroupError, DeleteDbSubnetGroupInput, DeleteDbSubnetGroupOutput,
};
use aws_sdk_rds::operation::describe_db_subnet_groups::{
    DescribeDBSubnetGroupsError, DescribeDbSubnetGroupsInput, DescribeDbSubnetGroupsOutput,
};
use aws_sdk_rds::operation::modify_db_subnet_group::{
    ModifyDBSubnetGroupError, ModifyDbSubnetGroupInput, ModifyDbSubnetGroupOutput,
};
use aws_sdk_rds::types::{DbSubnetGroup, Subnet};

use super::{tags, validation};
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::rds::SubnetGroup;

pub(super) fn register(registry: &mut Registry) {
    let fields: &[&str] = &["db_subnet_group_name", "db_subnet_group_description", "subnet_ids", "tags"];
    registry.on("rds", "CreateDBSubnetGroup", fields, CreateDBSubnetGroupError::generic, create);
    registry.on(
        "rds",
        "DescribeDBSubnetGroups",
        &["db_subnet_group_name"],
        DescribeDBSubnetGroupsError::generic,
        describe,
    );
    registry.on("rds", "ModifyDBSubnetGroup", &fields[..3], ModifyDBSubnetGroupError::generic, modify);
    registry.on("rds", "DeleteDBSubnetGroup", &["db_subnet_group_name"], DeleteDBSubnetGroupError::generic, delete);
}

/// Checks the subnets and returns their VPC.
fn check(call: &mut Call<'_>, ids: &BTreeSet<String>) -> Result<String, Rejection> {
    let subnets = &call.region_state().ec2.subnets;
    let mut vpcs = BTreeSet::new();
    let mut zones = BTreeSet::new();
    for id in ids {
        let Some(subnet) = subnets.get(id) else {
            return refuse("InvalidSubnet", format!("Some input subnets in :[{id}] are invalid."));
        };
        vpcs.insert(subnet.vpc_id.clone());
        zones.insert(subnet.availability_zone.clone());
    }
    // "DB subnet groups must contain at least one subnet in at least two AZs in the Amazon Web Services Region"
    // (CreateDBSubnetGroup).
    if zones.len() < 2 {
        return refuse(
            "DBSubnetGroupDoesNotCoverEnoughAZs",
            "The DB subnet group doesn't meet Availability Zone (AZ) coverage requirement.",
        );
    }
    match vpcs.pop_first() {
        Some(vpc) if vpcs.is_empty() => Ok(vpc),
        _ => refuse("InvalidSubnet", "Subnets are not all in the same VPC."),
    }
}

fn create(call: &mut Call<'_>, input: &CreateDbSubnetGroupInput) -> Result<CreateDbSubnetGroupOutput, Rejection> {
    // "This value is stored as a lowercase string."
    let name = input.db_subnet_group_name().unwrap_or_default().to_lowercase();
    validation::group_name(&name, "The parameter DBSubnetGroupName is not a valid identifier.")?;
    if call.region_state().rds.subnet_groups.contains_key(&name) {
        return refuse("DBSubnetGroupAlreadyExists", format!("The DB subnet group '{name}' already exists."));
    }
    let subnet_ids: BTreeSet<String> = input.subnet_ids().iter().cloned().collect();
    let vpc_id = check(call, &subnet_ids)?;
    // terraform-aws-modules/terraform-aws-rds#364.
    if !crate::iam::is_usable(call, "rds.amazonaws.com") {
        let page = "http://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAM.ServiceLinkedRoles.html";
        return refuse("InvalidParameterValue", format!("Missing necessary credentials. Please check {page}"));
    }
    let arn = call.arn("rds", &format!("subgrp:{name}"));
    let description = input.db_subnet_group_description().unwrap_or_default().to_owned();
    let group =
        SubnetGroup { name: name.clone(), arn, description, vpc_id, subnet_ids, tags: tags::from_sdk(input.tags()) };
    let answer = to_sdk(call, &group);
    call.region_state().rds.subnet_groups.insert(name, group);
    Ok(CreateDbSubnetGroupOutput::builder().db_subnet_group(answer).build())
}

pub(super) fn to_sdk(call: &mut Call<'_>, group: &SubnetGroup) -> DbSubnetGroup {
    let subnets = group.subnet_ids.iter().map(|id| {
        let zone = call.region_state().ec2.subnets.get(id).map(|subnet| subnet.availability_zone.clone());
        let zone = aws_sdk_rds::types::AvailabilityZone::builder().set_name(zone).build();
        Subnet::builder().subnet_identifier(id).subnet_availability_zone(zone).subnet_status("Active").build()
    });
    let subnets = subnets.collect();
    DbSubnetGroup::builder()
        .db_subnet_group_name(&group.name)
        .db_subnet_group_arn(&group.arn)
        .db_subnet_group_description(&group.description)
        .vpc_id(&group.vpc_id)
        .subnet_group_status("Complete")
        .set_subnets(Some(subnets))
        .build()
}

fn find(call: &mut Call<'_>, name: &str) -> Result<SubnetGroup, Rejection> {
    match call.region_state().rds.subnet_groups.get(&name.to_lowercase()) {
        Some(group) => Ok(group.clone()),
        None => refuse("DBSubnetGroupNotFoundFault", format!("DB subnet group '{name}' does not exist.")),
    }
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeDbSubnetGroupsInput,
) -> Result<DescribeDbSubnetGroupsOutput, Rejection> {
    let groups = match input.db_subnet_group_name() {
        Some(name) => vec![find(call, name)?],
        None => call.region_state().rds.subnet_groups.values().cloned().collect(),
    };
    let described = groups.iter().map(|group| to_sdk(call, group)).collect();
    Ok(DescribeDbSubnetGroupsOutput::builder().set_db_subnet_groups(Some(described)).build())
}

fn modify(call: &mut Call<'_>, input: &ModifyDbSubnetGroupInput) -> Result<ModifyDbSubnetGroupOutput, Rejection> {
    let mut group = find(call, input.db_subnet_group_name().unwrap_or_default())?;
    let subnet_ids: BTreeSet<String> = input.subnet_ids().iter().cloned().collect();
    if check(call, &subnet_ids)? != group.vpc_id {
        return refuse("InvalidSubnet", "The new subnets are not in the same VPC as the DB subnet group.");
    }
    let interfaces = call.region_state().ec2.interfaces.values();
    let used: BTreeSet<String> = interfaces
        .filter(|interface| interface.requester_id == "amazon-rds")
        .map(|interface| interface.subnet_id.clone())
        .collect();
    // "SubnetAlreadyInUse: The DB subnet is already in use in the Availability Zone."
    if group.subnet_ids.difference(&subnet_ids).any(|id| used.contains(id)) {
        return refuse("SubnetAlreadyInUse", "Cannot remove a subnet that an instance is in.");
    }
    group.subnet_ids = subnet_ids;
    if let Some(description) = input.db_subnet_group_description() {
        description.clone_into(&mut group.description);
    }
    let answer = to_sdk(call, &group);
    call.region_state().rds.subnet_groups.insert(group.name.clone(), group);
    Ok(ModifyDbSubnetGroupOutput::builder().db_subnet_group(answer).build())
}

fn delete(call: &mut Call<'_>, input: &DeleteDbSubnetGroupInput) -> Result<DeleteDbSubnetGroupOutput, Rejection> {
    let group = find(call, input.db_subnet_group_name().unwrap_or_default())?;
    let rds = &mut call.region_state().rds;
    // "The specified database subnet group must not be associated with any DB instances" (DeleteDBSubnetGroup).
    if let Some(user) = rds.instances.values().find(|instance| instance.subnet_group == group.name) {
        let name = &group.name;
        let text = format!(
            "Cannot delete the subnet group '{name}' because at least one database instance: {} is still using it.",
            user.identifier
        );
        return refuse("InvalidDBSubnetGroupStateFault", text);
    }
    rds.subnet_groups.remove(&group.name);
    Ok(DeleteDbSubnetGroupOutput::builder().build())
}
