//! What RDS shows of a database: the settings that are or are about to be in force, and what its status means.

use std::collections::BTreeSet;

use aws_sdk_rds::types::{DbInstance as Shape, PendingModifiedValues};

use super::db_instance::{DbInstanceAttrs, Fixed, House, MASTER_SECRET};
use super::tagging;
use crate::address::{Arn, SecurityGroupId};
use crate::aws::{Progress, Wait};
use crate::resource::{Cx, Result, settled};
use crate::resources::owned::{Tags, kept};

/// How long one status of a database may last, in seconds. A Multi-AZ creation takes twenty minutes.
const PATIENCE_SECONDS: u64 = 60 * 60;
/// Time between two looks, in seconds.
const EVERY_SECONDS: u64 = 15;

/// One look at a database.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) status: String,
    /// Whether accepted changes are not yet carried out.
    pub(super) changing: bool,
    /// Whether parameters wait for a reboot.
    pub(super) needs_reboot: bool,
    pub(super) tags: Tags,
    /// The accepted changes that are not carried out yet.
    pub(super) pending: PendingModifiedValues,
    pub(super) attrs: DbInstanceAttrs,
}

/// What a status means for what can be done. Source: "Viewing DB instance status" in the RDS User Guide.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Standing {
    /// It works, and takes changes.
    Usable,
    /// It does not work and will not by itself; it takes deletion, and some changes.
    Broken,
    /// It has no data that a snapshot could be taken of.
    Lost,
    /// It is being deleted.
    Leaving,
    /// It is on the way somewhere: any status that is not listed is this.
    Moving,
}

impl Shown {
    pub(super) fn standing(&self) -> Standing {
        match self.status.as_str() {
            // `storage-optimization` may last for a day, and the database works all the while.
            "available" | "storage-optimization" => Standing::Usable,
            "deleting" => Standing::Leaving,
            "failed" | "incompatible-restore" | "incompatible-network" => Standing::Lost,
            "storage-full"
            | "restore-error"
            | "stopped"
            | "inaccessible-encryption-credentials"
            | "inaccessible-encryption-credentials-recoverable"
            | "insufficient-capacity" => Standing::Broken,
            status if status.starts_with("incompatible-") => Standing::Broken,
            _ => Standing::Moving,
        }
    }
}

/// Looks at a database by its name.
pub(super) async fn look(cx: &Cx, identifier: &str) -> Result<Option<Shown>> {
    let call = cx.aws.rds.describe_db_instances().db_instance_identifier(identifier).send();
    let found = settled(cx.read("rds:DescribeDBInstances", call).await, &["DBInstanceNotFound"])?;
    Ok(found.and_then(|found| found.db_instances?.pop()).map(|instance| read(cx, &instance)))
}

/// Waits until a database is gone.
pub(super) async fn wait_gone(cx: &Cx, identifier: &str, resource_id: &str) -> Result<()> {
    cx.wait(Wait::new(format!("database {identifier} to be gone"), EVERY_SECONDS, PATIENCE_SECONDS), || async {
        Ok(match look(cx, identifier).await? {
            // A new database of the same name is not the one that was deleted.
            Some(shown) if shown.attrs.resource_id == resource_id => Progress::Pending(shown.status),
            _ => Progress::Reached(()),
        })
    })
    .await
}

/// Waits until RDS takes an order for a database, and returns how it stands then; nothing when it is gone.
pub(super) async fn wait_settled(cx: &Cx, identifier: &str) -> Result<Option<Shown>> {
    cx.wait(Wait::new(format!("database {identifier} to take a change"), EVERY_SECONDS, PATIENCE_SECONDS), || async {
        Ok(match look(cx, identifier).await? {
            Some(shown) if shown.standing() == Standing::Moving => Progress::Pending(shown.status),
            settled => Progress::Reached(settled),
        })
    })
    .await
}

/// Waits until a database works and, with `finished`, no accepted change is outstanding. Changes that wait for the maintenance window
/// are not waited for.
pub(super) async fn wait_usable(cx: &Cx, identifier: &str, finished: bool) -> Result<Shown> {
    cx.wait(Wait::new(format!("database {identifier} to become available"), EVERY_SECONDS, PATIENCE_SECONDS), || async {
        let Some(shown) = look(cx, identifier).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
        Ok(match shown.standing() {
            // RDS shows the old status for some seconds after it has accepted a change.
            Standing::Usable if shown.changing && finished => Progress::Pending(format!("{}, with changes to come", shown.status)),
            Standing::Usable => Progress::Reached(shown),
            Standing::Broken if shown.changing && finished => Progress::Pending(shown.status),
            Standing::Broken | Standing::Lost => Progress::Failed { reason: last_event(cx, identifier).await?, status: shown.status },
            Standing::Leaving | Standing::Moving => Progress::Pending(shown.status),
        })
    })
    .await
}

/// RDS tells why an instance failed only in its events.
async fn last_event(cx: &Cx, identifier: &str) -> Result<Option<String>> {
    let call = cx.aws.rds.describe_events().source_identifier(identifier).source_type(aws_sdk_rds::types::SourceType::DbInstance).duration(24 * 60);
    let found = cx.read("rds:DescribeEvents", call.send()).await?;
    Ok(found.events.unwrap_or_default().into_iter().rev().find_map(|event| event.message))
}

/// Reads an answer. Changes that RDS has accepted and not carried out yet count as made: to ask for them again would be of no use.
pub(super) fn read(cx: &Cx, shape: &Shape) -> Shown {
    let pending = shape.pending_modified_values.clone().unwrap_or_else(|| PendingModifiedValues::builder().build());
    let mut logs: BTreeSet<String> = shape.enabled_cloudwatch_logs_exports().iter().cloned().collect();
    if let Some(exports) = pending.pending_cloudwatch_logs_exports() {
        logs.extend(exports.log_types_to_enable().iter().cloned());
        logs.retain(|log| !exports.log_types_to_disable().contains(log));
    }
    let groups = shape.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    let security_groups = groups.filter_map(|group| group.vpc_security_group_id()).map(SecurityGroupId::from).collect();
    let parameter_group = shape.db_parameter_groups().first();
    let tags = tagging::read(shape.tag_list());
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
        parameter_group: parameter_group.and_then(|group| group.db_parameter_group_name()).unwrap_or_default().to_owned(),
        security_groups,
        master_secret: tags.get(MASTER_SECRET).map(|arn| Arn::from(arn.as_str())),
        tags: kept(cx, tags.clone()),
        waits_for_window: false,
        house: House {
            publicly_accessible: shape.publicly_accessible.unwrap_or(House::RULES.publicly_accessible),
            auto_minor_version_upgrade: shape.auto_minor_version_upgrade.unwrap_or(House::RULES.auto_minor_version_upgrade),
            copy_tags_to_snapshot: shape.copy_tags_to_snapshot.unwrap_or(House::RULES.copy_tags_to_snapshot),
        },
        fixed: Fixed {
            engine: shape.engine.clone(),
            db_name: shape.db_name.clone(),
            master_username: shape.master_username.clone(),
            subnet_group: shape.db_subnet_group().and_then(|group| group.db_subnet_group_name()).map(str::to_owned),
            encrypted: shape.storage_encrypted,
            kms_key: shape.kms_key_id.clone(),
        },
        identifier: shape.db_instance_identifier.clone().unwrap_or_default(),
    };
    let shown = Shown {
        status: shape.db_instance_status.clone().unwrap_or_default(),
        changing: is_changing(&pending),
        needs_reboot: parameter_group.and_then(|group| group.parameter_apply_status()) == Some("pending-reboot"),
        tags,
        pending,
        attrs,
    };
    let waits_for_window = shown.changing && shown.standing() == Standing::Usable;
    Shown { attrs: DbInstanceAttrs { waits_for_window, ..shown.attrs.clone() }, ..shown }
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
