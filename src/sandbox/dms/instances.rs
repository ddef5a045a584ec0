//! Replication instances.

use aws_sdk_databasemigration::operation::create_replication_instance::{
    CreateReplicationInstanceError, CreateReplicationInstanceInput, CreateReplicationInstanceOutput,
};
use aws_sdk_databasemigration::operation::delete_replication_instance::{
    DeleteReplicationInstanceError, DeleteReplicationInstanceInput, DeleteReplicationInstanceOutput,
};
use aws_sdk_databasemigration::operation::describe_replication_instances::{
    DescribeReplicationInstancesError, DescribeReplicationInstancesInput, DescribeReplicationInstancesOutput,
};
use aws_sdk_databasemigration::operation::modify_replication_instance::{
    ModifyReplicationInstanceError, ModifyReplicationInstanceInput, ModifyReplicationInstanceOutput,
};
use aws_sdk_databasemigration::types::{
    ReplicationInstance, ReplicationPendingModifiedValues, VpcSecurityGroupMembership,
};

use super::conversion::tags_from_sdk;
use super::filters::{matches_filters, not_found_if_empty};
use super::subnet_groups;
use super::validation::{check_account_role, identifier};
use crate::kms::default_key;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::dms::Instance;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "replication_instance_identifier",
        "replication_instance_class",
        "allocated_storage",
        "engine_version",
        "replication_subnet_group_identifier",
        "vpc_security_group_ids",
        "kms_key_id",
        "multi_az",
        "publicly_accessible",
        "auto_minor_version_upgrade",
        "tags",
    ];
    registry.on("dms", "CreateReplicationInstance", fields, CreateReplicationInstanceError::generic, create);
    registry.on(
        "dms",
        "DescribeReplicationInstances",
        &["filters"],
        DescribeReplicationInstancesError::generic,
        describe,
    );
    let fields = &[
        "replication_instance_arn",
        "apply_immediately",
        "replication_instance_class",
        "allocated_storage",
        "engine_version",
        "allow_major_version_upgrade",
        "multi_az",
        "auto_minor_version_upgrade",
        "vpc_security_group_ids",
    ];
    registry.on("dms", "ModifyReplicationInstance", fields, ModifyReplicationInstanceError::generic, modify);
    registry.on(
        "dms",
        "DeleteReplicationInstance",
        &["replication_instance_arn"],
        DeleteReplicationInstanceError::generic,
        delete,
    );
}

fn check(call: &mut Call<'_>, storage: i32, class: &str, groups: &[String]) -> Result<(), Rejection> {
    // "AllocatedStorage: 5 to 6144 GiB"; classes begin with `dms.`.
    if !(5..=6144).contains(&storage) {
        return refuse("InvalidParameterValueException", format!("Invalid storage size {storage}"));
    }
    if !class.starts_with("dms.") {
        return refuse("InvalidParameterValueException", format!("Instance class {class} is invalid"));
    }
    match groups.iter().find(|id| !call.region_state().ec2.security_groups.contains_key(*id)) {
        Some(id) => refuse("InvalidParameterValueException", format!("The security group {id} does not exist")),
        None => Ok(()),
    }
}

fn create(
    call: &mut Call<'_>,
    input: &CreateReplicationInstanceInput,
) -> Result<CreateReplicationInstanceOutput, Rejection> {
    let name = identifier(input.replication_instance_identifier(), 63)?;
    check_account_role(call, "dms-vpc-role", "AmazonDMSVPCManagementRole")?;
    if call.region_state().dms.instances.contains_key(&name) {
        return refuse("ResourceAlreadyExistsFault", format!("Replication instance {name} already exists"));
    }
    let used = call.region_state().dms.instances.len();
    quotas::check(call, "replication_instances", used)?;
    let (storage, class) =
        (input.allocated_storage().unwrap_or(50), input.replication_instance_class().unwrap_or_default().to_owned());
    check(call, storage, &class, input.vpc_security_group_ids())?;
    let group = input.replication_subnet_group_identifier().unwrap_or_default().to_owned();
    let Some(subnet_group) = call.region_state().dms.subnet_groups.get(&group).cloned() else {
        return refuse("ResourceNotFoundFault", format!("Replication subnet group {group} not found"));
    };
    let wrong = |id: &&String, call: &mut Call<'_>| {
        call.region_state().ec2.security_groups.get(*id).is_some_and(|one| one.vpc_id != subnet_group.vpc_id)
    };
    if input.vpc_security_group_ids().iter().any(|id| wrong(&id, call)) {
        return refuse(
            "InvalidParameterValueException",
            "The security groups and the subnet group are in different VPCs",
        );
    }
    let multi_az = input.multi_az().unwrap_or_default();
    let offering = call.world.zones_with_class(call.region.as_str(), &class);
    let subnets = &call.region_state().ec2.subnets;
    let placed = |id: &&String| subnets.get(*id).is_some_and(|one| offering.contains(&one.availability_zone));
    let usable: Vec<String> = subnet_group.subnet_ids.iter().filter(placed).cloned().collect();
    // "There are not enough resources allocated to the database migration" (InsufficientResourceCapacityFault).
    let Some(subnet) = usable.first().cloned() else {
        return refuse(
            "InsufficientResourceCapacityFault",
            format!("{class} is not available in the Availability Zones of the subnet group"),
        );
    };
    let available_at =
        if multi_az { call.completion_time(900.0, 1200.0, 1900.0) } else { call.completion_time(250.0, 500.0, 1200.0) };
    let arn_id = call.world.random_hex()[..26].to_uppercase();
    let instance = Instance {
        arn: call.arn("dms", &format!("rep:{arn_id}")),
        identifier: name.clone(),
        class,
        allocated_storage: storage,
        engine_version: input.engine_version().unwrap_or("3.6.1").to_owned(),
        multi_az,
        security_group_ids: input.vpc_security_group_ids().to_vec(),
        subnet_group: group,
        kms_key_id: input.kms_key_id().map(str::to_owned),
        publicly_accessible: input.publicly_accessible().unwrap_or(true),
        // The default is on (CreateReplicationInstance).
        auto_minor_version_upgrade: input.auto_minor_version_upgrade().unwrap_or(true),
        available_at,
        modified_at: None,
        removed_at: None,
        tags: tags_from_sdk(input.tags()),
    };
    let interface_id = call.new_id("eni");
    let (groups, description) = (instance.security_group_ids.clone(), instance.interface_description());
    call.region_state().ec2.attach_interface(interface_id, &subnet, &groups, description, "amazon-dms", false);
    call.region_state().dms.instances.insert(name, instance.clone());
    let answer = to_sdk(call, &instance);
    Ok(CreateReplicationInstanceOutput::builder().replication_instance(answer).build())
}

fn to_sdk(call: &mut Call<'_>, instance: &Instance) -> ReplicationInstance {
    let now = call.now();
    let group = call.region_state().dms.subnet_groups.get(&instance.subnet_group).cloned();
    let group = group.map(|group| subnet_groups::to_sdk(call, &group));
    let member = |id: &String| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).status("active").build();
    ReplicationInstance::builder()
        .replication_instance_identifier(&instance.identifier)
        .replication_instance_arn(&instance.arn)
        .replication_instance_class(&instance.class)
        .replication_instance_status(instance.status(now))
        .allocated_storage(instance.allocated_storage)
        .engine_version(&instance.engine_version)
        .multi_az(instance.multi_az)
        .publicly_accessible(instance.publicly_accessible)
        .auto_minor_version_upgrade(instance.auto_minor_version_upgrade)
        .kms_key_id(instance.kms_key_id.clone().unwrap_or_else(|| default_key(&instance.arn)))
        .set_vpc_security_groups(Some(instance.security_group_ids.iter().map(member).collect()))
        .set_replication_subnet_group(group)
        .pending_modified_values(ReplicationPendingModifiedValues::builder().build())
        .build()
}

fn describe(
    call: &mut Call<'_>,
    input: &DescribeReplicationInstancesInput,
) -> Result<DescribeReplicationInstancesOutput, Rejection> {
    let instances: Vec<Instance> = call.region_state().dms.instances.values().cloned().collect();
    let mut found = Vec::new();
    for instance in &instances {
        let field = |name: &str| match name {
            "replication-instance-id" => Some(instance.identifier.clone()),
            "replication-instance-arn" => Some(instance.arn.clone()),
            "replication-instance-class" => Some(instance.class.clone()),
            "engine-version" => Some(instance.engine_version.clone()),
            _ => None,
        };
        if matches_filters(input.filters(), field)? {
            found.push(to_sdk(call, instance));
        }
    }
    let found = not_found_if_empty(found, input.filters(), "replication instance")?;
    Ok(DescribeReplicationInstancesOutput::builder().set_replication_instances(Some(found)).build())
}

pub(super) fn find(call: &mut Call<'_>, arn: Option<&str>) -> Result<Instance, Rejection> {
    let arn = arn.unwrap_or_default();
    match call.region_state().dms.instances.values().find(|instance| instance.arn == arn) {
        Some(instance) => Ok(instance.clone()),
        None => refuse("ResourceNotFoundFault", format!("Replication instance {arn} not found")),
    }
}

fn modify(
    call: &mut Call<'_>,
    input: &ModifyReplicationInstanceInput,
) -> Result<ModifyReplicationInstanceOutput, Rejection> {
    let mut instance = find(call, input.replication_instance_arn())?;
    if instance.status(call.now()) != "available" {
        return refuse(
            "InvalidResourceStateFault",
            format!("Replication instance {} is not available", instance.identifier),
        );
    }
    if input.apply_immediately() != Some(true) {
        return refuse("SandboxUnknownMember", "the sandbox models changes that are applied immediately only");
    }
    let storage = input.allocated_storage().unwrap_or(instance.allocated_storage);
    if storage < instance.allocated_storage {
        return refuse(
            "InvalidParameterCombinationException",
            "The storage of a replication instance cannot be reduced",
        );
    }
    let class = input.replication_instance_class().unwrap_or(&instance.class).to_owned();
    check(call, storage, &class, input.vpc_security_group_ids())?;
    let slow = storage != instance.allocated_storage
        || class != instance.class
        || input.multi_az().is_some_and(|on| on != instance.multi_az);
    let modified_at =
        if slow { call.completion_time(120.0, 400.0, 900.0) } else { call.completion_time(5.0, 20.0, 60.0) };
    instance.allocated_storage = storage;
    instance.class = class;
    instance.engine_version = input.engine_version().unwrap_or(&instance.engine_version).to_owned();
    instance.multi_az = input.multi_az().unwrap_or(instance.multi_az);
    instance.auto_minor_version_upgrade =
        input.auto_minor_version_upgrade().unwrap_or(instance.auto_minor_version_upgrade);
    if !input.vpc_security_group_ids().is_empty() {
        instance.security_group_ids = input.vpc_security_group_ids().to_vec();
        let description = instance.interface_description();
        for interface in
            call.region_state().ec2.interfaces.values_mut().filter(|interface| interface.description == description)
        {
            interface.group_ids.clone_from(&instance.security_group_ids);
        }
    }
    instance.modified_at = Some(modified_at);
    call.region_state().dms.instances.insert(instance.identifier.clone(), instance.clone());
    let answer = to_sdk(call, &instance);
    Ok(ModifyReplicationInstanceOutput::builder().replication_instance(answer).build())
}

fn delete(
    call: &mut Call<'_>,
    input: &DeleteReplicationInstanceInput,
) -> Result<DeleteReplicationInstanceOutput, Rejection> {
    let mut instance = find(call, input.replication_instance_arn())?;
    // "You must delete any migration tasks that are associated with the replication instance before you can delete it."
    let has_tasks = call.region_state().dms.tasks.values().any(|task| task.instance_arn == instance.arn);
    if has_tasks || instance.status(call.now()) != "available" {
        let why = if has_tasks { "has tasks" } else { "is not available" };
        return refuse("InvalidResourceStateFault", format!("Replication instance {} {why}", instance.identifier));
    }
    let removed_at = call.completion_time(100.0, 180.0, 400.0);
    instance.removed_at = Some(removed_at);
    // The interface is deleted a little later than the instance.
    let released = call.completion_time(405.0, 415.0, 440.0).max(removed_at);
    let description = instance.interface_description();
    call.region_state().ec2.release_interfaces(&description, released);
    call.region_state().dms.instances.insert(instance.identifier.clone(), instance.clone());
    let answer = to_sdk(call, &instance);
    Ok(DeleteReplicationInstanceOutput::builder().replication_instance(answer).build())
}
