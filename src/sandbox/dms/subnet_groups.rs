//! Replication subnet groups.

use std::collections::BTreeSet;

use aws_sdk_databasemigration::operation::create_replication_subnet_group::{
    CreateReplicationSubnetGroupError, CreateReplicationSubnetGroupInput, CreateReplicationSubnetGroupOutput,
};
use aws_sdk_databasemigration::operation::delete_replication_subnet_group::{
    DeleteReplicationSubnetGroupError, DeleteReplicationSubnetGroupInput, DeleteReplicationSubnetGroupOutput,
};
use aws_sdk_databasemigration::operation::describe_replication_subnet_groups::{
    DescribeReplicationSubnetGroupsError, DescribeReplicationSubnetGroupsInput, DescribeReplicationSubnetGroupsOutput,
};
use aws_sdk_databasemigration::operation::modify_replication_subnet_group::{
    ModifyReplicationSubnetGroupError, ModifyReplicationSubnetGroupInput, ModifyReplicationSubnetGroupOutput,
};
use aws_sdk_databasemigration::types::{AvailabilityZone, ReplicationSubnetGroup, Subnet};

use super::conversion::tags_from_sdk;
use super::filters::{matches_filters, not_found_if_empty};
use super::validation::check_account_role;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::SubnetGroup;

pub(super) fn register(registry: &mut Registry) {
    let fields: &[&str] =
        &["replication_subnet_group_identifier", "replication_subnet_group_description", "subnet_ids", "tags"];
    registry.on("dms", "CreateReplicationSubnetGroup", fields, CreateReplicationSubnetGroupError::generic, create);
    registry.on(
        "dms",
        "DescribeReplicationSubnetGroups",
        &["filters"],
        DescribeReplicationSubnetGroupsError::generic,
        describe,
    );
    registry.on(
        "dms",
        "ModifyReplicationSubnetGroup",
        &fields[..3],
        ModifyReplicationSubnetGroupError::generic,
        modify,
    );
    let fields = &["replication_subnet_group_identifier"];
    registry.on("dms", "DeleteReplicationSubnetGroup", fields, DeleteReplicationSubnetGroupError::generic, delete);
}

/// Checks the subnets and returns their VPC.
fn check(call: &mut Call<'_>, ids: &BTreeSet<String>) -> Result<String, Rejection> {
    let subnets = &call.region_state().ec2.subnets;
    let (mut vpcs, mut zones) = (BTreeSet::new(), BTreeSet::new());
    for id in ids {
        let Some(subnet) = subnets.get(id) else {
            return refuse("InvalidSubnet", format!("The subnet {id} is not valid"));
        };
        vpcs.insert(subnet.vpc_id.clone());
        zones.insert(subnet.availability_zone.clone());
    }
    // "The replication subnet group does not cover enough Availability Zones (AZs)": two are required.
    if zones.len() < 2 {
        return refuse(
            "ReplicationSubnetGroupDoesNotCoverEnoughAZs",
            "The replication subnet group doesn't meet Availability Zone coverage requirements",
        );
    }
    match vpcs.pop_first() {
        Some(vpc) if vpcs.is_empty() => Ok(vpc),
        _ => refuse("InvalidSubnet", "The subnets are in different VPCs"),
    }
}

pub(super) fn to_sdk(call: &mut Call<'_>, group: &SubnetGroup) -> ReplicationSubnetGroup {
    let subnets = &call.region_state().ec2.subnets;
    let subnet = |id: &String| {
        let zone = AvailabilityZone::builder()
            .set_name(subnets.get(id).map(|subnet| subnet.availability_zone.clone()))
            .build();
        Subnet::builder().subnet_identifier(id).subnet_availability_zone(zone).subnet_status("Active").build()
    };
    ReplicationSubnetGroup::builder()
        .replication_subnet_group_identifier(&group.identifier)
        .replication_subnet_group_description(&group.description)
        .vpc_id(&group.vpc_id)
        .subnet_group_status("Complete")
        .set_subnets(Some(group.subnet_ids.iter().map(subnet).collect()))
        .build()
}

fn create(
    call: &mut Call<'_>,
    input: &CreateReplicationSubnetGroupInput,
) -> Result<CreateReplicationSubnetGroupOutput, Rejection> {
    // "Must contain no more than 255 alphanumeric characters, periods, underscores, or hyphens. Must not be "default"."
    // Stored in lower case.
    let identifier = input.replication_subnet_group_identifier().unwrap_or_default().to_lowercase();
    let fits = |char: char| char.is_ascii_alphanumeric() || " ._-".contains(char);
    if !(1..=255).contains(&identifier.len()) || identifier == "default" || !identifier.chars().all(fits) {
        return refuse("InvalidParameterValueException", "The replication subnet group identifier is not valid");
    }
    if input.replication_subnet_group_description().is_none_or(str::is_empty) {
        return refuse("InvalidParameterValueException", "The replication subnet group description must not be blank");
    }
    check_account_role(call, "dms-vpc-role", "AmazonDMSVPCManagementRole")?;
    if call.region_state().dms.subnet_groups.contains_key(&identifier) {
        return refuse("ResourceAlreadyExistsFault", format!("Replication subnet group {identifier} already exists"));
    }
    let subnet_ids: BTreeSet<String> = input.subnet_ids().iter().cloned().collect();
    let vpc_id = check(call, &subnet_ids)?;
    let arn = call.arn("dms", &format!("subgrp:{identifier}"));
    let description = input.replication_subnet_group_description().unwrap_or_default().to_owned();
    let group = SubnetGroup {
        identifier: identifier.clone(),
        arn,
        description,
        vpc_id,
        subnet_ids,
        tags: tags_from_sdk(input.tags()),
    };
    let answer = to_sdk(call, &group);
    call.region_state().dms.subnet_groups.insert(identifier, group);
    Ok(CreateReplicationSubnetGroupOutput::builder().replication_subnet_group(answer).build())
}

fn find(call: &mut Call<'_>, identifier: Option<&str>) -> Result<SubnetGroup, Rejection> {
    let identifier = identifier.unwrap_or_default().to_lowercase();
    match call.region_state().dms.subnet_groups.get(&identifier) {
        Some(group) => Ok(group.clone()),
        None => refuse("ResourceNotFoundFault", format!("Replication subnet group {identifier} not found")),
    }
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeReplicationSubnetGroupsInput,
) -> Result<DescribeReplicationSubnetGroupsOutput, Rejection> {
    let groups: Vec<SubnetGroup> = call.region_state().dms.subnet_groups.values().cloned().collect();
    let mut found = Vec::new();
    for group in &groups {
        let field = |name: &str| (name == "replication-subnet-group-id").then(|| group.identifier.clone());
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(call, group));
        }
    }
    let found = not_found_if_empty(found, input.filters(), "replication subnet group")?;
    Ok(DescribeReplicationSubnetGroupsOutput::builder().set_replication_subnet_groups(Some(found)).build())
}

fn modify(
    call: &mut Call<'_>,
    input: &ModifyReplicationSubnetGroupInput,
) -> Result<ModifyReplicationSubnetGroupOutput, Rejection> {
    let mut group = find(call, input.replication_subnet_group_identifier())?;
    let subnet_ids: BTreeSet<String> = input.subnet_ids().iter().cloned().collect();
    if check(call, &subnet_ids)? != group.vpc_id {
        return refuse("InvalidSubnet", "The subnets are in another VPC");
    }
    group.subnet_ids = subnet_ids;
    if let Some(description) = input.replication_subnet_group_description() {
        description.clone_into(&mut group.description);
    }
    let answer = to_sdk(call, &group);
    call.region_state().dms.subnet_groups.insert(group.identifier.clone(), group);
    Ok(ModifyReplicationSubnetGroupOutput::builder().replication_subnet_group(answer).build())
}

fn delete(
    call: &mut Call<'_>,
    input: &DeleteReplicationSubnetGroupInput,
) -> Result<DeleteReplicationSubnetGroupOutput, Rejection> {
    let group = find(call, input.replication_subnet_group_identifier())?;
    let dms = &mut call.region_state().dms;
    // "The resource is in a state that prevents it from being used": an instance uses it.
    if dms.instances.values().any(|instance| instance.subnet_group == group.identifier) {
        return refuse("InvalidResourceStateFault", format!("Replication subnet group {} is in use", group.identifier));
    }
    dms.subnet_groups.remove(&group.identifier);
    Ok(DeleteReplicationSubnetGroupOutput::builder().build())
}
