//! DB instances: creation and description.

use std::collections::BTreeSet;

use aws_sdk_rds::operation::create_db_instance::{
    CreateDBInstanceError, CreateDbInstanceInput, CreateDbInstanceOutput,
};
use aws_sdk_rds::operation::describe_db_instances::{
    DescribeDBInstancesError, DescribeDbInstancesInput, DescribeDbInstancesOutput,
};
use aws_sdk_rds::operation::describe_events::{DescribeEventsError, DescribeEventsInput, DescribeEventsOutput};
use aws_sdk_rds::types::{
    DbInstance, DbParameterGroupStatus, Endpoint, Event, PendingCloudwatchLogsExports, PendingModifiedValues,
    SourceType, VpcSecurityGroupMembership,
};

use super::{subnet_groups, tags, validation};
use crate::kms::default_key;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::rds::{Instance, Phase, Settings, SubnetGroup};
use crate::world::real_data::{DataSource, Server};

/// How long a new or changed parameter group can be incomplete.
const PARAMETER_GROUP_MILLIS: u64 = 5 * 60 * 1000;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "db_instance_identifier",
        "engine",
        "engine_version",
        "db_instance_class",
        "allocated_storage",
        "storage_type",
        "storage_encrypted",
        "kms_key_id",
        "db_name",
        "master_username",
        "master_user_password",
        "db_subnet_group_name",
        "db_parameter_group_name",
        "vpc_security_group_ids",
        "publicly_accessible",
        "multi_az",
        "backup_retention_period",
        "enable_cloudwatch_logs_exports",
        "enable_performance_insights",
        "performance_insights_retention_period",
        "deletion_protection",
        "copy_tags_to_snapshot",
        "auto_minor_version_upgrade",
        "tags",
    ];
    registry.on("rds", "CreateDBInstance", fields, CreateDBInstanceError::generic, create);
    let fields = &["db_instance_identifier", "filters"];
    registry.on("rds", "DescribeDBInstances", fields, DescribeDBInstancesError::generic, describe);
    registry.on(
        "rds",
        "DescribeEvents",
        &["source_identifier", "source_type", "duration"],
        DescribeEventsError::generic,
        events,
    );
}

fn create(call: &mut Call<'_>, input: &CreateDbInstanceInput) -> Result<CreateDbInstanceOutput, Rejection> {
    // "This parameter is stored as a lowercase string."
    let identifier = input.db_instance_identifier().unwrap_or_default().to_lowercase();
    validation::instance_name(&identifier)?;
    if call.region_state().rds.instances.contains_key(&identifier) {
        return refuse("DBInstanceAlreadyExists", "DB instance already exists");
    }
    let used = call.region_state().rds.instances.len();
    quotas::check(call, "db_instances", used)?;
    // aws-samples/eks-workshop-v2#1609.
    if !crate::iam::create_for(call, "rds.amazonaws.com") {
        let text = "Unable to create the resource. Verify that you have permission to create service linked role. \
            Otherwise wait and try again later";
        return refuse("InvalidParameterValue", text);
    }
    let master_username = input.master_username().unwrap_or_default();
    validation::database_names(master_username, input.db_name())?;
    validation::password(input.master_user_password().unwrap_or_default())?;
    let settings = Settings {
        engine_version: validation::version(
            input.engine().unwrap_or_default(),
            input.engine_version().unwrap_or("17"),
        )?,
        class: input.db_instance_class().unwrap_or_default().to_owned(),
        allocated_storage: input.allocated_storage().unwrap_or_default(),
        storage_type: input.storage_type().unwrap_or("gp2").to_owned(),
        multi_az: input.multi_az().unwrap_or_default(),
        // "Default: 1"
        backup_retention: input.backup_retention_period().unwrap_or(1),
        log_exports: input.enable_cloudwatch_logs_exports().iter().cloned().collect(),
        master_password: input.master_user_password().unwrap_or_default().to_owned(),
    };
    validation::settings(&settings)?;
    let performance_insights_days =
        insights(input.enable_performance_insights(), input.performance_insights_retention_period())?;
    let subnet_group = subnet_group(call, input.db_subnet_group_name().unwrap_or("default"))?;
    let parameter_group = input.db_parameter_group_name().unwrap_or_default().to_lowercase();
    validation::parameter_group(call, &parameter_group, &settings.engine_version)?;
    let security_groups = validation::security_groups(call, input.vpc_security_group_ids(), &subnet_group.vpc_id)?;
    check_zones(call, &subnet_group, &settings)?;
    let lacks_parameters = is_incomplete(call, &parameter_group);
    let resource_id = format!("db-{}", call.world.random_hex()[..26].to_uppercase());
    let usable = match settings.multi_az {
        true => call.completion_time(900.0, 1020.0, 1200.0),
        false => call.completion_time(300.0, 450.0, 520.0),
    };
    // A creation ends with the first backup.
    let backup = if settings.backup_retention > 0 { usable.saturating_sub(60_000) } else { usable };
    let phase = |status: &str, until| Phase { status: status.to_owned(), until };
    let instance = Instance {
        arn: call.arn("rds", &format!("db:{identifier}")),
        host: format!("{identifier}.c{}.{}.rds.amazonaws.com", &call.world.random_hex()[..11], call.region),
        engine: "postgres".to_owned(),
        db_name: input.db_name().map(str::to_owned),
        master_username: master_username.to_owned(),
        subnet_group: subnet_group.name.clone(),
        parameter_group,
        pending_reboot: lacks_parameters,
        lacks_parameters,
        security_groups,
        kms_key_id: input.kms_key_id().map(str::to_owned),
        storage_encrypted: input.storage_encrypted().unwrap_or_default(),
        publicly_accessible: input.publicly_accessible().unwrap_or_default(),
        copy_tags_to_snapshot: input.copy_tags_to_snapshot().unwrap_or_default(),
        // "By default, minor engine upgrades are applied automatically."
        auto_minor_version_upgrade: input.auto_minor_version_upgrade().unwrap_or(true),
        deletion_protection: input.deletion_protection().unwrap_or_default(),
        performance_insights_days,
        created_at: call.now(),
        settings,
        pending: None,
        phases: vec![phase("creating", backup), phase("backing-up", usable)],
        stuck_status: None,
        events: Vec::new(),
        server: (call.world.data == DataSource::Postgres).then(Server::default),
        tags: tags::from_sdk(input.tags()),
        resource_id,
        identifier,
    };
    attach(call, &instance, &subnet_group);
    let answer = to_sdk(call, &instance);
    call.region_state().rds.instances.insert(instance.identifier.clone(), instance);
    Ok(CreateDbInstanceOutput::builder().db_instance(answer).build())
}

/// "You should wait at least 5 minutes before creating your first DB instance that uses that DB parameter group"
/// (CreateDBParameterGroup; ModifyDBParameterGroup says the same of changes). RDS is usually faster; a script says when
/// it is not.
fn is_incomplete(call: &mut Call<'_>, group: &str) -> bool {
    let now = call.now();
    let is_late = call.world.timeline().at(now).are_parameter_groups_late();
    let group = call.region_state().rds.parameter_groups.get(group);
    is_late && group.is_some_and(|group| now < group.changed_at + PARAMETER_GROUP_MILLIS)
}

/// Returns the retention period of Performance Insights. "Default: 7 days"
pub(super) fn insights(enabled: Option<bool>, days: Option<i32>) -> Result<Option<i32>, Rejection> {
    if enabled != Some(true) {
        return match days {
            Some(_) => {
                refuse("InvalidParameterCombination", "To set the retention period, enable Performance Insights.")
            }
            None => Ok(None),
        };
    }
    let days = Some(days.unwrap_or(7));
    validation::insights(days)?;
    Ok(days)
}

fn subnet_group(call: &mut Call<'_>, name: &str) -> Result<SubnetGroup, Rejection> {
    match call.region_state().rds.subnet_groups.get(&name.to_lowercase()) {
        Some(group) => Ok(group.clone()),
        None => refuse("DBSubnetGroupNotFoundFault", format!("DB subnet group '{name}' does not exist.")),
    }
}

/// "The specified DB instance class isn't available in the specified Availability Zone"
/// (`InsufficientDBInstanceCapacity`, CreateDBInstance). A standby needs a second zone.
fn check_zones(call: &mut Call<'_>, group: &SubnetGroup, settings: &Settings) -> Result<(), Rejection> {
    let offering = call.world.zones_with_class(call.region.as_str(), &settings.class);
    let subnets = &call.region_state().ec2.subnets;
    let zones: BTreeSet<&String> =
        group.subnet_ids.iter().filter_map(|id| Some(&subnets.get(id)?.availability_zone)).collect();
    let usable = zones.into_iter().filter(|zone| offering.contains(zone)).count();
    match usable >= if settings.multi_az { 2 } else { 1 } {
        true => Ok(()),
        false => refuse(
            "InsufficientDBInstanceCapacity",
            format!("{} isn't available in the Availability Zones of the subnet group {}", settings.class, group.name),
        ),
    }
}

/// Attaches an interface in one subnet, and one for the standby in a subnet of another zone.
fn attach(call: &mut Call<'_>, instance: &Instance, group: &SubnetGroup) {
    let mut zones = BTreeSet::new();
    let mut places = Vec::new();
    let subnets = &call.region_state().ec2.subnets;
    for subnet in group.subnet_ids.iter().filter_map(|id| subnets.get(id)) {
        if zones.insert(subnet.availability_zone.clone()) {
            places.push(subnet.subnet_id.clone());
        }
    }
    let groups: Vec<String> = instance.security_groups.iter().cloned().collect();
    for place in places.iter().take(if instance.settings.multi_az { 2 } else { 1 }) {
        let id = call.new_id("eni");
        call.region_state().ec2.attach_interface(
            id,
            place,
            &groups,
            instance.interface_description(),
            "amazon-rds",
            instance.publicly_accessible,
        );
    }
}

/// Finds an instance by name.
pub(super) fn find<'a>(call: &'a mut Call<'_>, identifier: &str) -> Result<&'a mut Instance, Rejection> {
    match call.region_state().rds.instances.get_mut(&identifier.to_lowercase()) {
        Some(instance) => Ok(instance),
        None => refuse("DBInstanceNotFound", format!("DBInstance {identifier} not found.")),
    }
}

/// Converts an instance to the SDK's type. The password is never returned.
pub(super) fn to_sdk(call: &mut Call<'_>, instance: &Instance) -> DbInstance {
    let now = call.now();
    let status = instance.status(now).to_owned();
    let group = call.region_state().rds.subnet_groups.get(&instance.subnet_group).cloned();
    let group = group.map(|group| subnet_groups::to_sdk(call, &group));
    let settings = &instance.settings;
    // "The endpoint might not be shown for instances with the status of `creating`" (DBInstance).
    let endpoint = (status != "creating").then(|| Endpoint::builder().address(&instance.host).port(5432).build());
    let groups = instance
        .security_groups
        .iter()
        .map(|id| VpcSecurityGroupMembership::builder().vpc_security_group_id(id).status("active").build());
    let parameters = DbParameterGroupStatus::builder()
        .db_parameter_group_name(&instance.parameter_group)
        .parameter_apply_status(if instance.pending_reboot { "pending-reboot" } else { "in-sync" })
        .build();
    DbInstance::builder()
        .db_instance_identifier(&instance.identifier)
        .db_instance_arn(&instance.arn)
        .dbi_resource_id(&instance.resource_id)
        .db_instance_status(status)
        .engine(&instance.engine)
        .engine_version(&settings.engine_version)
        .db_instance_class(&settings.class)
        .allocated_storage(settings.allocated_storage)
        .storage_type(&settings.storage_type)
        .storage_encrypted(instance.storage_encrypted)
        .set_kms_key_id(
            instance.kms_key_id.clone().or_else(|| instance.storage_encrypted.then(|| default_key(&instance.arn))),
        )
        .set_db_name(instance.db_name.clone())
        .master_username(&instance.master_username)
        .set_db_subnet_group(group)
        .db_parameter_groups(parameters)
        .set_vpc_security_groups(Some(groups.collect()))
        .publicly_accessible(instance.publicly_accessible)
        .multi_az(settings.multi_az)
        .backup_retention_period(settings.backup_retention)
        .set_enabled_cloudwatch_logs_exports(Some(settings.log_exports.iter().cloned().collect()))
        .performance_insights_enabled(instance.performance_insights_days.is_some())
        .set_performance_insights_retention_period(instance.performance_insights_days)
        .deletion_protection(instance.deletion_protection)
        .copy_tags_to_snapshot(instance.copy_tags_to_snapshot)
        .auto_minor_version_upgrade(instance.auto_minor_version_upgrade)
        .set_endpoint(endpoint)
        .set_pending_modified_values(Some(pending(instance)))
        .set_tag_list(tags::sdk_tags(&instance.tags))
        .build()
}

/// Returns the changes that are accepted but not yet applied.
fn pending(instance: &Instance) -> PendingModifiedValues {
    let described = PendingModifiedValues::builder();
    let Some((new, _)) = &instance.pending else { return described.build() };
    let old = &instance.settings;
    let text = |old: &String, new: &String| (old != new).then(|| new.clone());
    let number = |old: i32, new: i32| (old != new).then_some(new);
    let on: Vec<String> = new.log_exports.difference(&old.log_exports).cloned().collect();
    let off: Vec<String> = old.log_exports.difference(&new.log_exports).cloned().collect();
    let logs = (!on.is_empty() || !off.is_empty()).then(|| {
        PendingCloudwatchLogsExports::builder()
            .set_log_types_to_enable(Some(on))
            .set_log_types_to_disable(Some(off))
            .build()
    });
    described
        .set_engine_version(text(&old.engine_version, &new.engine_version))
        .set_db_instance_class(text(&old.class, &new.class))
        .set_allocated_storage(number(old.allocated_storage, new.allocated_storage))
        .set_storage_type(text(&old.storage_type, &new.storage_type))
        .set_multi_az((old.multi_az != new.multi_az).then_some(new.multi_az))
        .set_backup_retention_period(number(old.backup_retention, new.backup_retention))
        .set_pending_cloudwatch_logs_exports(logs)
        .set_master_user_password((old.master_password != new.master_password).then(|| "****".to_owned()))
        .build()
}

fn describe(call: &mut Call<'_>, input: &DescribeDbInstancesInput) -> Result<DescribeDbInstancesOutput, Rejection> {
    // "db-instance-id - Accepts DB instance identifiers and DB instance Amazon Resource Names (ARNs). The results list
    // only includes information about the DB instances identified by these ARNs" (DescribeDBInstances).
    const BY_ID: &str = "db-instance-id";
    if let Some(other) = input.filters().iter().find(|filter| filter.name() != Some(BY_ID)) {
        return refuse(
            "InvalidParameterValue",
            format!("this model has no filter {}", other.name().unwrap_or_default()),
        );
    }
    let passes = |one: &Instance| {
        let is_named = |value: &String| [&one.identifier, &one.arn].contains(&value);
        input.filters().iter().all(|filter| filter.values().iter().any(is_named))
    };
    let mut instances: Vec<_> = match input.db_instance_identifier() {
        Some(identifier) => vec![find(call, identifier)?.clone()],
        None => call.region_state().rds.instances.values().cloned().collect(),
    };
    instances.retain(passes);
    let described = instances.iter().map(|instance| to_sdk(call, instance)).collect();
    Ok(DescribeDbInstancesOutput::builder().set_db_instances(Some(described)).build())
}

fn events(call: &mut Call<'_>, input: &DescribeEventsInput) -> Result<DescribeEventsOutput, Rejection> {
    // "If SourceIdentifier is supplied, SourceType must also be provided" (DescribeEvents).
    if input.source_identifier().is_some() && input.source_type().is_none() {
        return refuse("InvalidParameterCombination", "Cannot specify a source identifier without a source type");
    }
    let identifier = input.source_identifier().unwrap_or_default();
    let events =
        call.region_state().rds.instances.get(identifier).map(|instance| instance.events.clone()).unwrap_or_default();
    let described = events.into_iter().map(|text| {
        Event::builder().source_identifier(identifier).source_type(SourceType::DbInstance).message(text).build()
    });
    Ok(DescribeEventsOutput::builder().set_events(Some(described.collect())).build())
}
