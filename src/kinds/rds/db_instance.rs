//! A PostgreSQL database instance: encrypted, private, with its static parameters in place from the first start.
//!
//! The master password is read from Secrets Manager just before the call that requires it, and stored nowhere. A tag of
//! the instance names the secret that it came from, so that the password of a recreated secret is set.
//!
//! "After you create a DB parameter group, you should wait at least 5 minutes before creating your first DB instance
//! that uses that DB parameter group" (`CreateDBParameterGroup`). An instance that was created too early lacks the
//! static parameters, and RDS says so: its parameter group is `pending-reboot`. Instead of waiting in every run, a new
//! instance with this status is rebooted before it counts as ready. One that is in use is never rebooted.
//!
//! AWS does not upgrade minor versions on its own: an upgrade restarts the database, possibly during a migration, and
//! the two sides of a replication would change at different times. The configuration determines the version.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, Tag};
use serde::{Deserialize, Serialize};

use super::attributes::{DbInstanceAttrs, ManagedDefaults};
use super::deletion::{self, FinalSnapshot};
use super::describe::{
    CREATION_LEAST_SECONDS, DELETION_SECONDS, MASTER_SECRET, PENDING_REBOOT, Phase, describe, from_sdk, wait_applied,
    wait_gone, wait_in_sync, wait_settled, wait_usable,
};
use super::modify::{modification, modify, reboot};
use super::tagging;
use super::version::{major_change, older_minor, same_version};
use crate::ownership::classify;
use crate::secretsmanager::{Password, password_of};
use infra_base::address::{Arn, SecurityGroupId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext};
use infra_macros::Spec;

/// The specification of a database instance.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "rds.db_instance",
    summary = "a private PostgreSQL database instance",
    repeat = "name",
    arns("rds:db:", "rds:snapshot:"),
    create_seconds = 3,
    ready_seconds = 450,
    ready_least_seconds = CREATION_LEAST_SECONDS,
    ready_most_seconds = 900,
    delete_seconds = DELETION_SECONDS,
    holds_data,
    tagger = tagging::Rds,
    delete_blockers = "its deletion protection, and changes or backups in progress",
    reads("rds:DescribeDBInstances", "rds:DescribeEvents", "secretsmanager:GetSecretValue", "tag:GetResources"),
    creates("rds:CreateDBInstance"),
    updates("rds:ModifyDBInstance"),
    deletes("rds:ModifyDBInstance", "rds:DeleteDBInstance"),
    // For the final snapshot; for a new database whose parameter group was too new; and the first database in an
    // account creates the service-linked role of RDS.
    permissions("rds:CreateDBSnapshot", "rds:RebootDBInstance", "iam:CreateServiceLinkedRole")
)]
pub struct DbInstance {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    #[compare(ignore_case)]
    pub identifier: String,
    /// `postgres`
    #[immutable]
    pub engine: String,
    /// A major version (`16`: AWS chooses the minor one) or a full one (`16.8`).
    // The times are those of the sandbox, which follow measurements: see `sandbox/rds/changes.rs`.
    #[update(seconds = 370, maintenance_window)]
    #[interrupts("the database restarts")]
    #[constraint("another major version and an older minor version are refused")]
    #[compare(version_prefix)]
    pub engine_version: String,
    /// For example `db.r5.large`.
    #[update(seconds = 370, maintenance_window)]
    #[interrupts("the database restarts")]
    pub instance_class: String,
    /// Gigabytes of storage. It can grow, never shrink.
    #[update(seconds = 70, maintenance_window)]
    #[constraint("less is refused")]
    pub allocated_storage_gb: i32,
    /// For example `gp2`.
    #[update(seconds = 70, maintenance_window)]
    pub storage_type: String,
    /// The name of its database.
    #[immutable]
    pub db_name: String,
    /// The master user.
    #[immutable]
    pub master_username: String,
    /// The secret with the master password, under the key `password`.
    #[weak_ref]
    // A tag names the secret that the password came from.
    #[update(call = "rds:AddTagsToResource", seconds = 55)]
    pub master_secret: Input<Arn>,
    /// Its subnet group.
    #[immutable]
    pub subnet_group: Input<String>,
    /// Its parameter group.
    #[interrupts("it takes effect with the next restart")]
    pub parameter_group: Input<String>,
    /// Its security groups.
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// Whether its storage, its backups and its logs of queries are encrypted.
    #[serde(default)]
    #[immutable]
    pub encrypted: bool,
    /// A customer-managed key. Without one, RDS uses the key `aws/rds`.
    #[immutable]
    pub kms_key: Option<String>,
    /// Whether it has a standby in another availability zone.
    #[update(seconds = 370, maintenance_window)]
    pub multi_az: bool,
    /// Days that automated backups are kept. Logical replication requires at least one.
    #[update(seconds = 70)]
    pub backup_retention_days: i32,
    /// Logs that go to CloudWatch.
    #[update(seconds = 55)]
    pub log_exports: Vec<String>,
    /// The log groups of its logs. They must exist first: log groups that RDS creates are never deleted.
    #[serde(default)]
    #[order_only]
    pub log_groups: Vec<Input<String>>,
    /// Days that Performance Insights keeps data; off when not set.
    pub performance_insights_days: Option<i32>,
    /// Whether AWS refuses to delete it.
    #[deletion(setting)]
    pub deletion_protection: bool,
    /// What happens to the data on deletion.
    #[deletion]
    pub final_snapshot: FinalSnapshot,
    /// Whether changes are applied immediately instead of in the next maintenance window.
    #[serde(default = "at_once")]
    #[flushes_pending("waits_for_window")]
    pub apply_immediately: bool,
}

/// The behaviour before the option existed.
fn at_once() -> bool {
    true
}

#[async_trait]
impl Resource for DbInstance {
    async fn observe(&self, cx: &StepContext, known: Option<&DbInstanceAttrs>) -> Result<Observed<DbInstanceAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(current) = describe(cx, identifier).await? else { return Ok(Observed::Absent) };
        let phase = current.phase();
        let observed = classify(cx, &current.tags, current.attrs.arn.as_str(), || current.attrs.clone());
        match (&observed, phase) {
            // Its name is free again only after the deletion.
            (Observed::Ours(attrs), Phase::Deleting) => {
                wait_gone(cx, identifier, &attrs.resource_id).await?;
                Ok(Observed::Absent)
            }
            _ => Ok(observed),
        }
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        // A final snapshot has the tags of its database, and is kept on purpose.
        let Some(identifier) = arn.id_after("rds:db:") else { return Ok(false) };
        Ok(describe(cx, identifier).await?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<DbInstanceAttrs>) -> Result<DbInstanceAttrs> {
        let Some(attrs) = seen else { return self.create(cx).await };
        if let Some(why) = self.validate_change(&attrs) {
            return Err(Error::Irreversible(why));
        }
        match self.in_sync(&attrs)? {
            true if attrs.waits_for_window && self.apply_immediately => flush_pending(cx, attrs).await,
            true => Ok(attrs),
            false => self.modify(cx, &attrs.identifier).await,
        }
    }

    async fn ready(&self, cx: &StepContext, attrs: DbInstanceAttrs) -> Result<DbInstanceAttrs> {
        let current = wait_usable(cx, &attrs.identifier, self.apply_immediately).await?;
        let current = wait_applied(cx, current).await?;
        if current.changing && !self.apply_immediately {
            cx.notice("RDS applies the change in the next maintenance window");
        }
        // Nobody uses it before it is ready for the first time.
        let is_new = cx.has_called("rds:CreateDBInstance");
        match current.parameters.as_str() {
            PENDING_REBOOT if is_new => {
                reboot(cx, &attrs.identifier).await?;
                Ok(wait_in_sync(cx, &attrs.identifier).await?.attrs)
            }
            PENDING_REBOOT => {
                cx.notice(reboot_notice(cx, &attrs.identifier));
                Ok(current.attrs)
            }
            _ => Ok(current.attrs),
        }
    }

    async fn delete(&self, cx: &StepContext, attrs: &DbInstanceAttrs) -> Result<()> {
        deletion::delete(cx, attrs, self.deletion_protection, self.final_snapshot).await
    }

    fn validate_change(&self, is: &DbInstanceAttrs) -> Option<String> {
        // A change that waits for the maintenance window shows as applied, and can still be reverted.
        let older = || older_minor(&is.engine_version, &self.engine_version).filter(|_| !is.waits_for_window);
        if let Some(why) = major_change(&is.engine_version, &self.engine_version).or_else(older) {
            return Some(why);
        }
        let (has, wanted) = (is.allocated_storage_gb, self.allocated_storage_gb);
        // Storage can only grow (RDS User Guide, "Increasing DB instance storage capacity").
        if has > wanted {
            return Some(format!(
                "the database has {has} GiB, and RDS cannot shrink it to {wanted}; set \
                 `database.allocated_storage_gb` to {has} or more"
            ));
        }
        // "Values that are not at least 10% greater than the existing value are rounded up so that they are 10%
        // greater" (ModifyDBInstance, `AllocatedStorage`): the database would have more than is configured, and could
        // not go back.
        let least = has + (has + 9) / 10;
        (has < wanted && wanted < least).then(|| {
            format!(
                "the database has {has} GiB, and RDS adds at least a tenth; set `database.allocated_storage_gb` to \
                 {least} or more, or to {has}"
            )
        })
    }
}

impl DbInstance {
    async fn create(&self, cx: &StepContext) -> Result<DbInstanceAttrs> {
        let secret = self.master_secret.get()?;
        let password = password_of(cx, secret.as_str()).await?;
        let (subnet_group, parameter_group) = (self.subnet_group.get()?, self.parameter_group.get()?);
        let security_groups: Vec<String> = self.wanted_groups()?.into_iter().map(String::from).collect();
        let mut tags = tagging::to_sdk(cx.identity.all_tags());
        tags.push(Tag::builder().key(MASTER_SECRET).value(secret.as_str()).build());
        let call = || {
            let call = cx.aws.rds.create_db_instance().db_instance_identifier(&self.identifier);
            let call =
                call.engine(&self.engine).engine_version(&self.engine_version).db_instance_class(&self.instance_class);
            let call = call
                .allocated_storage(self.allocated_storage_gb)
                .storage_type(&self.storage_type)
                .storage_encrypted(self.encrypted);
            let call =
                call.set_kms_key_id(self.kms_key.clone()).db_name(&self.db_name).master_username(&self.master_username);
            let call = call
                .master_user_password(password.expose())
                .db_subnet_group_name(subnet_group)
                .db_parameter_group_name(parameter_group);
            let call = call
                .set_vpc_security_group_ids(Some(security_groups.clone()))
                .publicly_accessible(ManagedDefaults::REQUIRED.publicly_accessible);
            let call =
                call.multi_az(self.multi_az).copy_tags_to_snapshot(ManagedDefaults::REQUIRED.copy_tags_to_snapshot);
            let call = call.auto_minor_version_upgrade(ManagedDefaults::REQUIRED.auto_minor_version_upgrade);
            let call = call
                .backup_retention_period(self.backup_retention_days)
                .set_enable_cloudwatch_logs_exports(Some(self.log_exports.clone()));
            let call = call.enable_performance_insights(self.performance_insights_days.is_some());
            let call = call.set_performance_insights_retention_period(self.performance_insights_days);
            let call = call.deletion_protection(self.deletion_protection);
            call.set_tags(Some(tags.clone())).send()
        };
        let created = cx.mutate("rds:CreateDBInstance", call).await?;
        let instance =
            created.db_instance.ok_or(Error::MissingField { call: "rds:CreateDBInstance", what: "the instance" })?;
        Ok(from_sdk(&instance).attrs)
    }

    /// Returns whether the instance matches the specification.
    fn in_sync(&self, attrs: &DbInstanceAttrs) -> Result<bool> {
        Ok(same_version(&attrs.engine_version, &self.engine_version)
            && attrs.instance_class == self.instance_class
            && attrs.allocated_storage_gb >= self.allocated_storage_gb
            && attrs.storage_type == self.storage_type
            && attrs.multi_az == self.multi_az
            && attrs.backup_retention_days == self.backup_retention_days
            && attrs.log_exports.iter().eq(self.wanted_logs())
            && attrs.performance_insights_days == self.performance_insights_days
            && attrs.deletion_protection == self.deletion_protection
            && attrs.managed == ManagedDefaults::REQUIRED
            && attrs.parameter_group == *self.parameter_group.get()?
            && attrs.security_groups.iter().eq(self.wanted_groups()?)
            && attrs.master_secret.as_ref() == Some(self.master_secret.get()?))
    }

    /// Changes everything that differs in place, in one call. RDS accepts a change only when no other one is in
    /// progress.
    async fn modify(&self, cx: &StepContext, identifier: &str) -> Result<DbInstanceAttrs> {
        let current = wait_settled(cx, identifier).await?;
        let attrs = current
            .ok_or_else(|| Error::Refused(format!("the database {identifier} was deleted while it was changed")))?
            .attrs;
        if self.in_sync(&attrs)? {
            return Ok(attrs);
        }
        if let Some(why) = self.validate_change(&attrs) {
            return Err(Error::Irreversible(why));
        }
        let mut request = modification(cx, identifier).apply_immediately(self.apply_immediately);
        if !same_version(&attrs.engine_version, &self.engine_version) {
            request = request.engine_version(&self.engine_version);
        }
        if attrs.instance_class != self.instance_class {
            request = request.db_instance_class(&self.instance_class);
        }
        if attrs.allocated_storage_gb < self.allocated_storage_gb || attrs.storage_type != self.storage_type {
            let gigabytes = self.allocated_storage_gb.max(attrs.allocated_storage_gb);
            request = request.allocated_storage(gigabytes).storage_type(&self.storage_type);
        }
        if attrs.multi_az != self.multi_az {
            request = request.multi_az(self.multi_az);
        }
        if attrs.backup_retention_days != self.backup_retention_days {
            request = request.backup_retention_period(self.backup_retention_days);
        }
        if !attrs.log_exports.iter().eq(self.wanted_logs()) {
            let wanted = self.wanted_logs();
            let on = wanted.iter().filter(|log| !attrs.log_exports.contains(**log)).map(|log| (*log).clone()).collect();
            let off = attrs.log_exports.iter().filter(|log| !wanted.contains(log)).cloned().collect();
            let exports = CloudwatchLogsExportConfiguration::builder()
                .set_enable_log_types(Some(on))
                .set_disable_log_types(Some(off))
                .build();
            request = request.cloudwatch_logs_export_configuration(exports);
        }
        if attrs.performance_insights_days != self.performance_insights_days {
            let is_on = self.performance_insights_days.is_some();
            request = request
                .enable_performance_insights(is_on)
                .set_performance_insights_retention_period(self.performance_insights_days);
        }
        if attrs.deletion_protection != self.deletion_protection {
            request = request.deletion_protection(self.deletion_protection);
        }
        let (is, rules) = (attrs.managed, ManagedDefaults::REQUIRED);
        if is.publicly_accessible != rules.publicly_accessible {
            request = request.publicly_accessible(rules.publicly_accessible);
        }
        if is.auto_minor_version_upgrade != rules.auto_minor_version_upgrade {
            request = request.auto_minor_version_upgrade(rules.auto_minor_version_upgrade);
        }
        if is.copy_tags_to_snapshot != rules.copy_tags_to_snapshot {
            request = request.copy_tags_to_snapshot(rules.copy_tags_to_snapshot);
        }
        if attrs.parameter_group != *self.parameter_group.get()? {
            request = request.db_parameter_group_name(self.parameter_group.get()?);
        }
        if !attrs.security_groups.iter().eq(self.wanted_groups()?) {
            request =
                request.set_vpc_security_group_ids(Some(self.wanted_groups()?.into_iter().map(String::from).collect()));
        }
        let secret = self.master_secret.get()?;
        let new_secret = attrs.master_secret.as_ref() != Some(secret);
        if new_secret {
            let password: Password = password_of(cx, secret.as_str()).await?;
            request = request.master_user_password(password.expose());
        }
        modify(cx, request).await?;
        if new_secret {
            let tag = Tag::builder().key(MASTER_SECRET).value(secret.as_str()).build();
            let call = || cx.aws.rds.add_tags_to_resource().resource_name(attrs.arn.as_str()).tags(tag.clone()).send();
            cx.mutate("rds:AddTagsToResource", call).await?;
        }
        match describe(cx, identifier).await? {
            Some(current) => Ok(current.attrs),
            None => Err(Error::MissingField { call: "rds:DescribeDBInstances", what: "the changed instance" }),
        }
    }

    fn wanted_logs(&self) -> BTreeSet<&String> {
        self.log_exports.iter().collect()
    }

    fn wanted_groups(&self) -> Result<BTreeSet<&SecurityGroupId>> {
        Ok(self.security_groups.iter().map(Input::get).collect::<Result<BTreeSet<_>, _>>()?)
    }
}

/// Applies now what waits for the maintenance window. "If you choose to apply changes immediately, your new changes and
/// any changes in the pending modifications queue are applied" ("Using the schedule modifications setting").
async fn flush_pending(cx: &StepContext, attrs: DbInstanceAttrs) -> Result<DbInstanceAttrs> {
    let Some(current) = describe(cx, &attrs.identifier).await?.filter(|current| current.attrs.waits_for_window) else {
        return Ok(attrs);
    };
    let pending = current.pending;
    let request = modification(cx, &attrs.identifier)
        .set_db_instance_class(pending.db_instance_class)
        .set_multi_az(pending.multi_az);
    let request = request.set_engine_version(pending.engine_version).set_allocated_storage(pending.allocated_storage);
    let request =
        request.set_storage_type(pending.storage_type).set_backup_retention_period(pending.backup_retention_period);
    modify(cx, request).await?;
    Ok(attrs)
}

/// Says what the user can do about parameters that wait for a reboot.
fn reboot_notice(cx: &StepContext, identifier: &str) -> String {
    format!(
        "static parameters wait for a reboot (`pending-reboot`): when the service can do without its database for a \
         minute, run `aws rds reboot-db-instance --db-instance-identifier {identifier} --region {}`",
        cx.region
    )
}
