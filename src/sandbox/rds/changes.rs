//! DB instances: modification and deletion.

use aws_sdk_rds::operation::delete_db_instance::{
    DeleteDBInstanceError, DeleteDbInstanceInput, DeleteDbInstanceOutput,
};
use aws_sdk_rds::operation::modify_db_instance::{
    ModifyDBInstanceError, ModifyDbInstanceInput, ModifyDbInstanceOutput,
};

use super::instances::{find, insights, to_sdk};
use super::validation;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::rds::{Instance, Phase, Settings, Snapshot};

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "db_instance_identifier",
        "apply_immediately",
        "engine_version",
        "db_instance_class",
        "allocated_storage",
        "storage_type",
        "multi_az",
        "backup_retention_period",
        "cloudwatch_logs_export_configuration",
        "enable_performance_insights",
        "performance_insights_retention_period",
        "deletion_protection",
        "publicly_accessible",
        "auto_minor_version_upgrade",
        "copy_tags_to_snapshot",
        "db_parameter_group_name",
        "vpc_security_group_ids",
        "master_user_password",
    ];
    registry.on("rds", "ModifyDBInstance", fields, ModifyDBInstanceError::generic, modify);
    let fields =
        &["db_instance_identifier", "skip_final_snapshot", "final_db_snapshot_identifier", "delete_automated_backups"];
    registry.on("rds", "DeleteDBInstance", fields, DeleteDBInstanceError::generic, delete);
}

fn modify(call: &mut Call<'_>, input: &ModifyDbInstanceInput) -> Result<ModifyDbInstanceOutput, Rejection> {
    let now = call.now();
    let mut instance = find(call, input.db_instance_identifier().unwrap_or_default())?.clone();
    // "InvalidDBInstanceState: The DB instance isn't in a valid state."
    if !["available", "storage-full", "incompatible-parameters"].contains(&instance.status(now)) {
        return refuse(
            "InvalidDBInstanceState",
            format!("Database instance is not in available state, but {}.", instance.status(now)),
        );
    }
    let before = instance.pending.as_ref().map_or(&instance.settings, |(settings, _)| settings).clone();
    let after = apply_request(&before, input)?;
    validation::settings(&after)?;
    let (has, wanted) = (&instance.settings.engine_version, &after.engine_version);
    if validation::is_downgrade(wanted, has) {
        return refuse("InvalidParameterCombination", format!("Cannot upgrade postgres from {has} to {wanted}"));
    }
    if after.allocated_storage < before.allocated_storage {
        return refuse("InvalidParameterCombination", "Requested storage size cannot be less than the current one.");
    }
    if let Some(name) = input.db_parameter_group_name() {
        validation::parameter_group(call, name, &after.engine_version)?;
        // "The parameter group name itself is changed immediately, but the actual parameter changes aren't applied
        // until you reboot the instance without failover" (ModifyDBInstance).
        instance.pending_reboot |= instance.parameter_group != name;
        name.clone_into(&mut instance.parameter_group);
    }
    if input.vpc_security_group_ids.is_some() {
        let vpc_id = call
            .region_state()
            .rds
            .subnet_groups
            .get(&instance.subnet_group)
            .map(|group| group.vpc_id.clone())
            .unwrap_or_default();
        instance.security_groups = validation::security_groups(call, input.vpc_security_group_ids(), &vpc_id)?;
    }
    match (input.enable_performance_insights(), input.performance_insights_retention_period()) {
        (None, None) => {}
        (None, days) => {
            instance.performance_insights_days = insights(Some(instance.performance_insights_days.is_some()), days)?;
        }
        (on, days) => instance.performance_insights_days = insights(on, days)?,
    }
    if let Some(on) = input.deletion_protection() {
        instance.deletion_protection = on;
    }
    // "Changes to the PubliclyAccessible parameter are applied immediately regardless of the value of the
    // ApplyImmediately parameter"; the other two are asynchronous and cause no outage (ModifyDBInstance).
    instance.publicly_accessible = input.publicly_accessible().unwrap_or(instance.publicly_accessible);
    instance.auto_minor_version_upgrade =
        input.auto_minor_version_upgrade().unwrap_or(instance.auto_minor_version_upgrade);
    instance.copy_tags_to_snapshot = input.copy_tags_to_snapshot().unwrap_or(instance.copy_tags_to_snapshot);
    if after != before && input.apply_immediately() != Some(true) {
        // "If this parameter is disabled, changes to the DB instance are applied during the next maintenance window."
        instance.pending = Some((after, call.completion_time(DAY_SECONDS, 3.0 * DAY_SECONDS, 7.0 * DAY_SECONDS)));
    } else if after != before {
        start_change(call, &mut instance, &before, after);
    } else if after != instance.settings && input.apply_immediately() == Some(true) {
        // "Your new changes and any changes in the pending modifications queue are applied."
        let settings = instance.settings.clone();
        start_change(call, &mut instance, &settings, after);
    }
    let answer = to_sdk(call, &instance);
    call.region_state().rds.instances.insert(instance.identifier.clone(), instance);
    Ok(ModifyDbInstanceOutput::builder().db_instance(answer).build())
}

const DAY_SECONDS: f64 = 24.0 * 60.0 * 60.0;

/// Returns the settings after a change.
fn apply_request(before: &Settings, input: &ModifyDbInstanceInput) -> Result<Settings, Rejection> {
    let mut after = before.clone();
    if let Some(wanted) = input.engine_version() {
        after.engine_version = validation::version("postgres", wanted)?;
        if after.engine_version.split('.').next() != before.engine_version.split('.').next() {
            return refuse(
                "InvalidParameterCombination",
                "The AllowMajorVersionUpgrade flag must be present when upgrading to a new major version.",
            );
        }
    }
    if let Some(password) = input.master_user_password() {
        validation::password(password)?;
        password.clone_into(&mut after.master_password);
    }
    if let Some(exports) = input.cloudwatch_logs_export_configuration() {
        after.log_exports.extend(exports.enable_log_types().iter().cloned());
        after.log_exports.retain(|log| !exports.disable_log_types().contains(log));
    }
    after.class = input.db_instance_class().unwrap_or(&after.class).to_owned();
    after.storage_type = input.storage_type().unwrap_or(&after.storage_type).to_owned();
    after.allocated_storage =
        input.allocated_storage().map_or(before.allocated_storage, |wanted| grown(before.allocated_storage, wanted));
    after.multi_az = input.multi_az().unwrap_or(after.multi_az);
    after.backup_retention = input.backup_retention_period().unwrap_or(after.backup_retention);
    Ok(after)
}

/// "Values that are not at least 10% greater than the existing value are rounded up so that they are 10% greater than
/// the current value" (ModifyDBInstance, `AllocatedStorage`).
fn grown(has: i32, wanted: i32) -> i32 {
    if wanted > has { wanted.max(has + (has + 9) / 10) } else { wanted }
}

/// Starts a change. The old status is reported for some more seconds.
fn start_change(call: &mut Call<'_>, instance: &mut Instance, before: &Settings, after: Settings) {
    let old_status_until = call.completion_time(5.0, 10.0, 30.0);
    let (status, done) = if before.class != after.class || before.engine_version != after.engine_version {
        instance.restarts();
        ("modifying", call.completion_time(240.0, 360.0, 600.0))
    } else if before.multi_az != after.multi_az {
        ("modifying", call.completion_time(240.0, 360.0, 480.0))
    } else if before.master_password != after.master_password {
        ("resetting-master-credentials", call.completion_time(30.0, 45.0, 60.0))
    } else if before.log_exports != after.log_exports {
        ("configuring-log-exports", call.completion_time(30.0, 45.0, 60.0))
    } else {
        ("modifying", call.completion_time(30.0, 60.0, 120.0))
    };
    let phase = |status: &str, until| Phase { status: status.to_owned(), until };
    let described = instance.status(call.now()).to_owned();
    instance.phases = vec![phase(&described, old_status_until), phase(status, done)];
    if before.allocated_storage != after.allocated_storage {
        instance.phases.push(phase("storage-optimization", done + 600_000));
        // More storage resolves `storage-full`.
        instance.stuck_status = instance.stuck_status.take().filter(|status| status != "storage-full");
    }
    instance.pending = Some((after, done));
}

fn delete(call: &mut Call<'_>, input: &DeleteDbInstanceInput) -> Result<DeleteDbInstanceOutput, Rejection> {
    let now = call.now();
    let mut instance = find(call, input.db_instance_identifier().unwrap_or_default())?.clone();
    let skip = input.skip_final_snapshot().unwrap_or_default();
    let snapshot = input.final_db_snapshot_identifier();
    // "If you enable this parameter [SkipFinalSnapshot], RDS doesn't create a DB snapshot. If you don't, ... you must
    // specify the FinalDBSnapshotIdentifier parameter."
    match (skip, snapshot) {
        (false, None) => {
            return refuse(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier is required unless SkipFinalSnapshot is specified.",
            );
        }
        (true, Some(_)) => {
            return refuse(
                "InvalidParameterCombination",
                "FinalDBSnapshotIdentifier cannot be specified when SkipFinalSnapshot is specified.",
            );
        }
        _ => {}
    }
    if instance.deletion_protection {
        return refuse(
            "InvalidParameterCombination",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        );
    }
    let status = instance.status(now).to_owned();
    let broken = ["failed", "incompatible-network", "incompatible-restore"].contains(&status.as_str());
    if !broken
        && !["available", "storage-full", "incompatible-parameters", "storage-optimization"].contains(&status.as_str())
    {
        return refuse("InvalidDBInstanceState", format!("Cannot delete {}: it is {status}.", instance.identifier));
    }
    // "When a DB instance is in a failure state and has a status of `failed`, `incompatible-restore`, or
    // `incompatible-network`, you can only delete it when you skip creation of the final snapshot."
    if broken && !skip {
        return refuse(
            "InvalidDBInstanceState",
            format!("Cannot take a snapshot of {}: it is {status}.", instance.identifier),
        );
    }
    let mut gone = call.completion_time(240.0, 290.0, 420.0);
    if let Some(name) = snapshot {
        validation::snapshot_name(name)?;
        if call.region_state().rds.snapshots.contains_key(name) {
            return refuse(
                "DBSnapshotAlreadyExists",
                format!("Cannot create the snapshot because a snapshot with the identifier {name} already exists."),
            );
        }
        let tags = if instance.copy_tags_to_snapshot { instance.tags.clone() } else { [].into() };
        let taken =
            Snapshot { identifier: name.to_owned(), instance: instance.identifier.clone(), taken_at: now, tags };
        call.region_state().rds.snapshots.insert(name.to_owned(), taken);
        gone += 225_000;
    }
    let logs = instance.settings.log_exports.iter();
    let groups = logs.map(|log| format!("/aws/rds/instance/{}/{log}", instance.identifier));
    call.region_state().logs.unfinished.extend(groups);
    instance.phases = vec![Phase { status: "deleting".to_owned(), until: gone }];
    call.region_state().ec2.release_interfaces(&instance.interface_description(), gone);
    let answer = to_sdk(call, &instance);
    call.region_state().rds.instances.insert(instance.identifier.clone(), instance);
    Ok(DeleteDbInstanceOutput::builder().db_instance(answer).build())
}
