//! The description of a database: its settings, including accepted changes, and what its status means.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbInstance as Shape, Filter, PendingModifiedValues};

use super::attributes::{DbInstanceAttrs, ImmutableAttrs, ManagedDefaults};
use super::tagging;
use crate::ownership::Tags;
use crate::tag_index;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, SecurityGroupId};
use infra_core::resource::{Result, StepContext, ignore_codes};

/// The tag that names the secret with the master password.
pub(super) const MASTER_SECRET: &str = "migrate-infra:master-secret";
/// How long one status of a database can last, in seconds. A Multi-AZ creation takes twenty minutes.
const STALL_SECONDS: u64 = 60 * 60;
/// Time between two reads, in seconds.
const INTERVAL_SECONDS: u64 = 15;
/// How long a creation takes at least.
pub(super) const CREATION_LEAST_SECONDS: u32 = 300;
/// How long a deletion typically takes.
pub(super) const DELETION_SECONDS: u32 = 290;

/// What RDS shows of a database.
#[derive(Clone, Debug)]
pub(super) struct Description {
    pub(super) status: String,
    /// Whether accepted changes are not applied yet.
    pub(super) changing: bool,
    /// Whether it uses the parameters of its group: [`IN_SYNC`], [`PENDING_REBOOT`] or [`APPLYING`]
    /// (`ParameterApplyStatus`).
    pub(super) parameters: String,
    pub(super) tags: Tags,
    /// The accepted changes that are not applied yet.
    pub(super) pending: PendingModifiedValues,
    pub(super) attrs: DbInstanceAttrs,
}

/// All parameters of the group are in use.
pub(super) const IN_SYNC: &str = "in-sync";
/// RDS is applying parameters.
const APPLYING: &str = "applying";
/// Static parameters wait for a reboot.
pub(super) const PENDING_REBOOT: &str = "pending-reboot";

/// What a status means. Source: "Viewing DB instance status" in the RDS User Guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// It works and accepts changes.
    Usable,
    /// It does not work and does not recover by itself. It accepts deletion and some changes.
    Broken,
    /// It has no data that a snapshot could contain.
    NoData,
    /// It is being deleted.
    Deleting,
    /// It is in transition. Every status that is not listed is this.
    Transitional,
}

impl Description {
    pub(super) fn phase(&self) -> Phase {
        match self.status.as_str() {
            // `storage-optimization` can last for a day; the database works during that time.
            "available" | "storage-optimization" => Phase::Usable,
            "deleting" => Phase::Deleting,
            "failed" | "incompatible-restore" | "incompatible-network" => Phase::NoData,
            "storage-full"
            | "restore-error"
            | "stopped"
            | "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable"
            | "insufficient-capacity" => Phase::Broken,
            status if status.starts_with("incompatible-") => Phase::Broken,
            _ => Phase::Transitional,
        }
    }
}

const DESCRIBE: &str = "rds:DescribeDBInstances";

/// Describes a database by its name.
pub(super) async fn describe(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    let of_stack = |arns: Vec<Arn>| async move {
        let arns = arns.into_iter().map(String::from).collect();
        // "db-instance-id - Accepts DB instance identifiers and DB instance Amazon Resource Names (ARNs)."
        let filter = Filter::builder().name("db-instance-id").set_values(Some(arns)).build();
        let pages = cx.aws.rds.describe_db_instances().filters(filter).into_paginator().items().send();
        cx.read(DESCRIBE, pages.collect::<Result<Vec<_>, _>>()).await
    };
    let is_this = |one: &Shape| one.db_instance_identifier() == Some(identifier);
    if let Some(listed) = tag_index::described(cx, DESCRIBE, "rds:db:", of_stack, is_this).await? {
        return Ok(Some(from_sdk(&listed)));
    }
    let call = cx.aws.rds.describe_db_instances().db_instance_identifier(identifier).send();
    let found = ignore_codes(cx.read(DESCRIBE, call).await, &["DBInstanceNotFound"])?;
    Ok(found.and_then(|found| found.db_instances?.pop()).map(|instance| from_sdk(&instance)))
}

/// Waits until a database no longer exists.
pub(super) async fn wait_gone(cx: &StepContext, identifier: &str, resource_id: &str) -> Result<()> {
    let wait = Wait::new(format!("database {identifier} to be deleted"), INTERVAL_SECONDS, STALL_SECONDS)
        .typically("rds:DeleteDBInstance", DELETION_SECONDS);
    cx.wait(wait, || async {
        Ok(match describe(cx, identifier).await? {
            // A new database of the same name is not the one that was deleted.
            Some(current) if current.attrs.resource_id == resource_id => Progress::Pending(current.status),
            _ => Progress::Reached(()),
        })
    })
    .await
}

/// Waits until RDS accepts requests for a database, and returns its description; `None` when it does not exist.
pub(super) async fn wait_settled(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    cx.wait(Wait::new(format!("database {identifier} to accept a change"), INTERVAL_SECONDS, STALL_SECONDS), || async {
        Ok(match describe(cx, identifier).await? {
            Some(current) if current.phase() == Phase::Transitional => Progress::Pending(current.status),
            other => Progress::Reached(other),
        })
    })
    .await
}

/// Waits until a database works and, with `finished`, no accepted change is outstanding. It does not wait for changes
/// that wait for the maintenance window.
pub(super) async fn wait_usable(cx: &StepContext, identifier: &str, finished: bool) -> Result<Description> {
    let wait = Wait::new(format!("database {identifier} to become available"), INTERVAL_SECONDS, STALL_SECONDS);
    cx.wait(wait.at_least("rds:CreateDBInstance", CREATION_LEAST_SECONDS), || async {
        let Some(current) = describe(cx, identifier).await? else {
            return Ok(Progress::Pending("not visible yet".to_owned()));
        };
        Ok(match current.phase() {
            // RDS shows the old status for some seconds after it has accepted a change.
            Phase::Usable if current.changing && finished => {
                Progress::Pending(format!("{}, with pending changes", current.status))
            }
            Phase::Usable => Progress::Reached(current),
            Phase::Broken if current.changing && finished => Progress::Pending(current.status),
            Phase::Broken | Phase::NoData => {
                Progress::Failed { reason: last_event(cx, identifier).await?, status: current.status }
            }
            Phase::Deleting | Phase::Transitional => Progress::Pending(current.status),
        })
    })
    .await
}

/// Waits while RDS applies parameters: only then it shows whether they need a reboot.
pub(super) async fn wait_applied(cx: &StepContext, current: Description) -> Result<Description> {
    if current.parameters != APPLYING {
        return Ok(current);
    }
    wait_parameters(cx, &current.attrs.identifier, &[APPLYING]).await
}

/// Waits until a database works with all parameters of its group. Until a reboot has begun, RDS shows the status from
/// before it.
pub(super) async fn wait_in_sync(cx: &StepContext, identifier: &str) -> Result<Description> {
    wait_parameters(cx, identifier, &[PENDING_REBOOT, APPLYING]).await
}

/// Waits while the parameters of a database have one of these statuses.
async fn wait_parameters(cx: &StepContext, identifier: &str, passing: &[&str]) -> Result<Description> {
    let what = format!("database {identifier} to use its parameters");
    cx.wait(Wait::new(what, INTERVAL_SECONDS, STALL_SECONDS), || async {
        let current = wait_usable(cx, identifier, false).await?;
        Ok(match passing.contains(&current.parameters.as_str()) {
            true => Progress::Pending(format!("{}, parameters {}", current.status, current.parameters)),
            false => Progress::Reached(current),
        })
    })
    .await
}

/// Returns the last event. Only events show why an instance failed.
async fn last_event(cx: &StepContext, identifier: &str) -> Result<Option<String>> {
    let call = cx
        .aws
        .rds
        .describe_events()
        .source_identifier(identifier)
        .source_type(aws_sdk_rds::types::SourceType::DbInstance)
        .duration(24 * 60);
    let found = cx.read("rds:DescribeEvents", call.send()).await?;
    Ok(found.events.unwrap_or_default().into_iter().rev().find_map(|event| event.message))
}

/// Converts a response. Changes that RDS has accepted count as applied: requesting them again has no effect.
pub(super) fn from_sdk(shape: &Shape) -> Description {
    let pending = shape.pending_modified_values.clone().unwrap_or_else(|| PendingModifiedValues::builder().build());
    let mut logs: BTreeSet<String> = shape.enabled_cloudwatch_logs_exports().iter().cloned().collect();
    if let Some(exports) = pending.pending_cloudwatch_logs_exports() {
        logs.extend(exports.log_types_to_enable().iter().cloned());
        logs.retain(|log| !exports.log_types_to_disable().contains(log));
    }
    let groups = shape.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    let security_groups = groups.filter_map(|group| group.vpc_security_group_id()).map(SecurityGroupId::from).collect();
    let parameter_group = shape.db_parameter_groups().first();
    let tags = tagging::from_sdk(shape.tag_list());
    let insights = shape.performance_insights_enabled == Some(true);
    let attrs = DbInstanceAttrs {
        arn: Arn(shape.db_instance_arn.clone().unwrap_or_default()),
        resource_id: shape.dbi_resource_id.clone().unwrap_or_default(),
        endpoint_address: shape.endpoint().and_then(|endpoint| endpoint.address()).map(str::to_owned),
        endpoint_port: shape.endpoint().and_then(aws_sdk_rds::types::Endpoint::port),
        engine_version: pending.engine_version.clone().or(shape.engine_version.clone()).unwrap_or_default(),
        instance_class: pending.db_instance_class.clone().or(shape.db_instance_class.clone()).unwrap_or_default(),
        allocated_storage_gb: pending.allocated_storage.or(shape.allocated_storage).unwrap_or_default(),
        storage_type: pending.storage_type.clone().or(shape.storage_type.clone()).unwrap_or_default(),
        multi_az: pending.multi_az.or(shape.multi_az).unwrap_or_default(),
        backup_retention_days: pending.backup_retention_period.or(shape.backup_retention_period).unwrap_or_default(),
        log_exports: logs,
        performance_insights_days: shape.performance_insights_retention_period.filter(|_| insights),
        deletion_protection: shape.deletion_protection.unwrap_or_default(),
        parameter_group: parameter_group
            .and_then(|group| group.db_parameter_group_name())
            .unwrap_or_default()
            .to_owned(),
        security_groups,
        master_secret: tags.get(MASTER_SECRET).map(|arn| Arn::from(arn.as_str())),
        waits_for_window: false,
        managed: ManagedDefaults {
            publicly_accessible: shape.publicly_accessible.unwrap_or(ManagedDefaults::REQUIRED.publicly_accessible),
            auto_minor_version_upgrade: shape
                .auto_minor_version_upgrade
                .unwrap_or(ManagedDefaults::REQUIRED.auto_minor_version_upgrade),
            copy_tags_to_snapshot: shape
                .copy_tags_to_snapshot
                .unwrap_or(ManagedDefaults::REQUIRED.copy_tags_to_snapshot),
        },
        immutable: ImmutableAttrs {
            engine: shape.engine.clone(),
            db_name: shape.db_name.clone(),
            master_username: shape.master_username.clone(),
            subnet_group: shape.db_subnet_group().and_then(|group| group.db_subnet_group_name()).map(str::to_owned),
            encrypted: shape.storage_encrypted,
            kms_key: shape.kms_key_id.clone(),
        },
        identifier: shape.db_instance_identifier.clone().unwrap_or_default(),
    };
    let current = Description {
        status: shape.db_instance_status.clone().unwrap_or_default(),
        changing: is_changing(&pending),
        parameters: parameter_group.and_then(|group| group.parameter_apply_status()).unwrap_or(IN_SYNC).to_owned(),
        tags,
        pending,
        attrs,
    };
    let waits_for_window = current.changing && current.phase() == Phase::Usable;
    Description { attrs: DbInstanceAttrs { waits_for_window, ..current.attrs.clone() }, ..current }
}

fn is_changing(pending: &PendingModifiedValues) -> bool {
    pending.db_instance_class.is_some()
        || pending.allocated_storage.is_some()
        || pending.storage_type.is_some()
        || pending.multi_az.is_some()
        || pending.backup_retention_period.is_some()
        || pending.engine_version.is_some()
        || pending.master_user_password.is_some()
        || pending.pending_cloudwatch_logs_exports.is_some()
}
