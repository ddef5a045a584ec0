//! A PostgreSQL database instance: encrypted, private, with its static parameters in place from the first start.
//!
//! The master password is read from Secrets Manager just before the one call that needs it and is kept nowhere. Which secret it came
//! from is written down as a tag of the instance, so that a secret that was made anew is noticed and its password set.
//!
//! Minor versions are not upgraded by AWS on its own: such an upgrade restarts the database in the middle of a migration, and the
//! two sides of a replication would change at different times. The configuration says when.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_rds::operation::modify_db_instance::builders::ModifyDBInstanceFluentBuilder;
use aws_sdk_rds::types::{CloudwatchLogsExportConfiguration, Tag};
use serde::{Deserialize, Serialize};

use super::shown::{Standing, look, read, wait_gone, wait_settled, wait_usable};
use super::{deletion, tagging};
use crate::address::{Arn, SecurityGroupId};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result};
use crate::resources::owned::{Tags, judge};
use crate::resources::secretsmanager::{Password, password_of};

/// The tag that names the secret that the master password was taken from.
pub(super) const MASTER_SECRET: &str = "migrate-infra:master-secret";
/// How long RDS may refuse an order because of the status of the instance, in seconds.
pub(super) const BUSY_SECONDS: u64 = 30 * 60;

/// What becomes of the data when the database is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinalSnapshot {
    /// It is lost.
    Skip,
    /// It is kept in a snapshot named `{identifier}-final-{part of the token}`.
    Take,
}

/// The specification of a database instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbInstance {
    /// Its name, in lower case.
    pub identifier: String,
    /// `postgres`
    pub engine: String,
    /// A major version (`16`: AWS chooses the minor one) or a full one (`16.8`).
    pub engine_version: String,
    /// For example `db.r5.large`.
    pub instance_class: String,
    /// Gigabytes of storage. It can grow, never shrink.
    pub allocated_storage_gb: i32,
    /// For example `gp2`.
    pub storage_type: String,
    /// The database that is made in it.
    pub db_name: String,
    /// The master user.
    pub master_username: String,
    /// The secret with the master password, under the key `password`.
    pub master_secret: Input<Arn>,
    /// The subnets it may be placed in.
    pub subnet_group: Input<String>,
    /// Its engine settings.
    pub parameter_group: Input<String>,
    /// Who may talk to it.
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// Whether its storage, its backups and its logs of queries are encrypted.
    #[serde(default)]
    pub encrypted: bool,
    /// A key of the customer's own; the key `aws/rds` without.
    pub kms_key: Option<String>,
    /// Whether it has a standby in another availability zone.
    pub multi_az: bool,
    /// Days that automated backups are kept. Logical replication needs at least one.
    pub backup_retention_days: i32,
    /// Logs that go to CloudWatch.
    pub log_exports: Vec<String>,
    /// The log groups that its logs go to. They must be there first: those that RDS makes by itself are kept for ever and outlive
    /// the database.
    #[serde(default)]
    pub log_groups: Vec<Input<String>>,
    /// Days that Performance Insights keeps data; off without.
    pub performance_insights_days: Option<i32>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// What becomes of the data on deletion.
    pub final_snapshot: FinalSnapshot,
    /// Whether changes are made at once, and not in the next maintenance window.
    #[serde(default = "at_once")]
    pub apply_immediately: bool,
}

/// States of before there was a choice.
fn at_once() -> bool {
    true
}

/// What AWS shows of a database that can not be changed in place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Fixed {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

/// What is the same for every database of this tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct House {
    /// Whether its name resolves to a public address.
    pub publicly_accessible: bool,
    /// Whether AWS upgrades minor versions when it likes.
    pub auto_minor_version_upgrade: bool,
    /// Whether snapshots get its tags.
    pub copy_tags_to_snapshot: bool,
}

impl House {
    /// What this tool sets.
    pub(super) const RULES: Self = Self { publicly_accessible: false, auto_minor_version_upgrade: false, copy_tags_to_snapshot: true };
}

impl Default for House {
    fn default() -> Self {
        Self::RULES
    }
}

/// What is known of a database instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbInstanceAttrs {
    /// Its name.
    pub identifier: String,
    /// Its ARN.
    pub arn: Arn,
    /// The id that stays when the instance is renamed; CloudWatch and IAM use it.
    pub resource_id: String,
    /// Known once the instance has been created.
    pub endpoint_address: Option<String>,
    /// Known once the instance has been created.
    pub endpoint_port: Option<i32>,
    /// The full version of the engine.
    pub engine_version: String,
    /// Its class.
    pub instance_class: String,
    /// Gigabytes of storage.
    pub allocated_storage_gb: i32,
    /// The sort of storage.
    pub storage_type: String,
    /// Whether it has a standby in another availability zone.
    pub multi_az: bool,
    /// Days that automated backups are kept.
    pub backup_retention_days: i32,
    /// Logs that go to CloudWatch.
    pub log_exports: BTreeSet<String>,
    /// Days that Performance Insights keeps data; off without.
    pub performance_insights_days: Option<i32>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Its engine settings.
    pub parameter_group: String,
    /// Who may talk to it.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// The secret that the master password was taken from.
    pub master_secret: Option<Arn>,
    /// Whether it works while accepted changes are not carried out: they wait for the maintenance window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waits_for_window: bool,
    /// The tags that this tool sets.
    pub tags: Tags,
    /// What is the same for every database; states of before it was kept have it as it was set.
    #[serde(flatten)]
    pub house: House,
    /// What can not be changed in place, as AWS shows it; nothing in states of before it was kept.
    #[serde(flatten, default)]
    pub fixed: Fixed,
}

impl Handle<DbInstance> {
    /// The instance's name, from when AWS has accepted it.
    pub fn identifier(&self) -> Input<String> {
        self.created("identifier")
    }

    /// The instance's name, from when it is available.
    pub fn ready_identifier(&self) -> Input<String> {
        self.ready("identifier")
    }

    /// The instance's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The id that stays when the instance is renamed.
    pub fn resource_id(&self) -> Input<String> {
        self.created("resource_id")
    }

    /// The host to connect to.
    pub fn endpoint_address(&self) -> Input<String> {
        self.ready("endpoint_address")
    }

    /// The port to connect to.
    pub fn endpoint_port(&self) -> Input<i32> {
        self.ready("endpoint_port")
    }
}

#[async_trait]
impl Resource for DbInstance {
    const KIND: &'static str = "rds.db_instance";
    const ABOUT: About = About {
        summary: "a private PostgreSQL database instance",
        create_seconds: 3,
        ready_seconds: 450,
        delete_seconds: 290,
        operations: &[
            "rds:CreateDBInstance",
            "rds:DescribeDBInstances",
            "rds:DescribeEvents",
            "rds:ModifyDBInstance",
            "rds:DeleteDBInstance",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            // For the final snapshot.
            "rds:CreateDBSnapshot",
            "secretsmanager:GetSecretValue",
            // The first database in an account makes the service-linked role of RDS.
            "iam:CreateServiceLinkedRole",
        ],
        creates: &["rds:CreateDBInstance"],
        changes: &["rds:ModifyDBInstance", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        deletes: &["rds:DeleteDBInstance"],
        immutable: &["identifier", "engine", "db_name", "master_username", "subnet_group", "encrypted", "kms_key"],
        tagged: true,
        blocked_by: "its own deletion protection, and changes or backups that are under way",
        unique: &[&["identifier"]],
        mentions: &["master_secret"],
        waits_for: &["log_groups"],
        computed: &["arn", "resource_id", "endpoint_address", "endpoint_port", "waits_for_window"],
        interrupts: &[
            ("engine_version", "the database restarts"),
            ("instance_class", "the database restarts"),
            ("parameter_group", "it takes effect with the next restart"),
        ],
        // As the embedded AWS has them, which follows measurements: see `sandbox/rds/changes.rs`.
        change_seconds: &[
            ("engine_version", 370),
            ("instance_class", 370),
            ("multi_az", 370),
            ("allocated_storage_gb", 70),
            ("storage_type", 70),
            ("backup_retention_days", 70),
            ("log_exports", 55),
            ("master_secret", 55),
        ],
        // Which secret the password came from is told by a tag.
        called_for: &[("rds:AddTagsToResource", &["master_secret"])],
        windowed: &["engine_version", "instance_class", "multi_az", "allocated_storage_gb", "storage_type"],
        hastens: Some(("apply_immediately", "waits_for_window")),
        limits: &[("engine_version", "another major version, and an older minor one, is refused"), ("allocated_storage_gb", "less is refused")],
        holds_data: true,
        ..About::PLAIN
    };
    const DELETION_INPUTS: &'static [&'static str] = &["deletion_protection", "final_snapshot"];
    type Attrs = DbInstanceAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&DbInstanceAttrs>) -> Result<Observed<DbInstanceAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(shown) = look(cx, identifier).await? else { return Ok(Observed::Absent) };
        let standing = shown.standing();
        let judged = judge(cx, &shown.tags, shown.attrs.arn.as_str(), || shown.attrs.clone());
        match (&judged, standing) {
            // Its name is free again only when it is gone.
            (Observed::Ours(attrs), Standing::Leaving) => {
                wait_gone(cx, identifier, &attrs.resource_id).await?;
                Ok(Observed::Absent)
            }
            _ => Ok(judged),
        }
    }

    async fn ensure(&self, cx: &Cx, seen: Option<DbInstanceAttrs>) -> Result<DbInstanceAttrs> {
        let Some(attrs) = seen else { return self.create(cx).await };
        if let Some(why) = self.impossible(&attrs) {
            return Err(Error::OneWay(why));
        }
        let mut attrs = match self.is_in(&attrs)? {
            true if attrs.waits_for_window && self.apply_immediately => self.hasten(cx, attrs).await?,
            true => attrs,
            false => self.change(cx, &attrs.identifier).await?,
        };
        attrs.tags = tagging::bring(cx, attrs.arn.as_str(), attrs.tags).await?;
        Ok(attrs)
    }

    async fn ready(&self, cx: &Cx, attrs: DbInstanceAttrs) -> Result<DbInstanceAttrs> {
        let shown = wait_usable(cx, &attrs.identifier, self.apply_immediately).await?;
        if shown.changing && !self.apply_immediately {
            cx.notice("RDS makes the change in the next maintenance window");
        }
        if shown.needs_reboot {
            cx.notice("changed parameters take effect when the database is rebooted");
        }
        Ok(shown.attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &DbInstanceAttrs) -> Result<()> {
        deletion::delete(cx, self, attrs).await
    }

    async fn retag(&self, cx: &Cx, attrs: &DbInstanceAttrs) -> Result<()> {
        tagging::bring(cx, attrs.arn.as_str(), attrs.tags.clone()).await.map(drop)
    }

    fn impossible(&self, is: &DbInstanceAttrs) -> Option<String> {
        // What waits for the window shows as made, and can still be taken back.
        let older = || older_minor(&is.engine_version, &self.engine_version).filter(|_| !is.waits_for_window);
        if let Some(why) = another_major(&is.engine_version, &self.engine_version).or_else(older) {
            return Some(why);
        }
        let (has, wanted) = (is.allocated_storage_gb, self.allocated_storage_gb);
        // Storage can only grow (RDS User Guide, "Increasing DB instance storage capacity").
        (has > wanted).then(|| {
            format!("the database has {has} GiB, and RDS can not shrink it to {wanted}; set `database.allocated_storage_gb` to {has} or more")
        })
    }

    fn id(attrs: &DbInstanceAttrs) -> String {
        attrs.identifier.clone()
    }
}

impl DbInstance {
    async fn create(&self, cx: &Cx) -> Result<DbInstanceAttrs> {
        let secret = self.master_secret.get()?;
        let password = password_of(cx, secret.as_str()).await?;
        let (subnet_group, parameter_group) = (self.subnet_group.get()?, self.parameter_group.get()?);
        let security_groups: Vec<String> = self.wanted_groups()?.into_iter().map(String::from).collect();
        let mut tags = tagging::sent(cx.identity.all_tags());
        tags.push(Tag::builder().key(MASTER_SECRET).value(secret.as_str()).build());
        let call = || {
            let call = cx.aws.rds.create_db_instance().db_instance_identifier(&self.identifier);
            let call = call.engine(&self.engine).engine_version(&self.engine_version).db_instance_class(&self.instance_class);
            let call = call.allocated_storage(self.allocated_storage_gb).storage_type(&self.storage_type).storage_encrypted(self.encrypted);
            let call = call.set_kms_key_id(self.kms_key.clone()).db_name(&self.db_name).master_username(&self.master_username);
            let call = call.master_user_password(password.expose()).db_subnet_group_name(subnet_group).db_parameter_group_name(parameter_group);
            let call = call.set_vpc_security_group_ids(Some(security_groups.clone())).publicly_accessible(House::RULES.publicly_accessible);
            let call = call.multi_az(self.multi_az).copy_tags_to_snapshot(House::RULES.copy_tags_to_snapshot);
            let call = call.auto_minor_version_upgrade(House::RULES.auto_minor_version_upgrade);
            let call = call.backup_retention_period(self.backup_retention_days).set_enable_cloudwatch_logs_exports(Some(self.log_exports.clone()));
            let call = call.enable_performance_insights(self.performance_insights_days.is_some());
            let call = call.set_performance_insights_retention_period(self.performance_insights_days);
            let call = call.deletion_protection(self.deletion_protection);
            call.set_tags(Some(tags.clone())).send()
        };
        let made = cx.mutate("rds:CreateDBInstance", call).await?;
        let instance = made.db_instance.ok_or(Error::Incomplete { call: "rds:CreateDBInstance", what: "the instance" })?;
        Ok(read(cx, &instance).attrs)
    }

    /// Returns whether AWS shows the instance as it is specified.
    fn is_in(&self, attrs: &DbInstanceAttrs) -> Result<bool> {
        Ok(self.same_version(&attrs.engine_version)
            && attrs.instance_class == self.instance_class
            && attrs.allocated_storage_gb >= self.allocated_storage_gb
            && attrs.storage_type == self.storage_type
            && attrs.multi_az == self.multi_az
            && attrs.backup_retention_days == self.backup_retention_days
            && attrs.log_exports.iter().eq(self.wanted_logs())
            && attrs.performance_insights_days == self.performance_insights_days
            && attrs.deletion_protection == self.deletion_protection
            && attrs.house == House::RULES
            && attrs.parameter_group == *self.parameter_group.get()?
            && attrs.security_groups.iter().eq(self.wanted_groups()?)
            && attrs.master_secret.as_ref() == Some(self.master_secret.get()?))
    }

    /// Changes in place, in one call, what differs. RDS takes changes only when nothing else is going on.
    async fn change(&self, cx: &Cx, identifier: &str) -> Result<DbInstanceAttrs> {
        let shown = wait_settled(cx, identifier).await?;
        let attrs = shown.ok_or_else(|| Error::Refused(format!("the database {identifier} was deleted while it was changed")))?.attrs;
        if self.is_in(&attrs)? {
            return Ok(attrs);
        }
        if let Some(why) = self.impossible(&attrs) {
            return Err(Error::OneWay(why));
        }
        let mut order = Self::modification(cx, identifier).apply_immediately(self.apply_immediately);
        if !self.same_version(&attrs.engine_version) {
            order = order.engine_version(&self.engine_version);
        }
        if attrs.instance_class != self.instance_class {
            order = order.db_instance_class(&self.instance_class);
        }
        if attrs.allocated_storage_gb < self.allocated_storage_gb || attrs.storage_type != self.storage_type {
            let gigabytes = self.allocated_storage_gb.max(attrs.allocated_storage_gb);
            order = order.allocated_storage(gigabytes).storage_type(&self.storage_type);
        }
        if attrs.multi_az != self.multi_az {
            order = order.multi_az(self.multi_az);
        }
        if attrs.backup_retention_days != self.backup_retention_days {
            order = order.backup_retention_period(self.backup_retention_days);
        }
        if !attrs.log_exports.iter().eq(self.wanted_logs()) {
            let wanted = self.wanted_logs();
            let on = wanted.iter().filter(|log| !attrs.log_exports.contains(**log)).map(|log| (*log).clone()).collect();
            let off = attrs.log_exports.iter().filter(|log| !wanted.contains(log)).cloned().collect();
            let exports = CloudwatchLogsExportConfiguration::builder().set_enable_log_types(Some(on)).set_disable_log_types(Some(off)).build();
            order = order.cloudwatch_logs_export_configuration(exports);
        }
        if attrs.performance_insights_days != self.performance_insights_days {
            let is_on = self.performance_insights_days.is_some();
            order = order.enable_performance_insights(is_on).set_performance_insights_retention_period(self.performance_insights_days);
        }
        if attrs.deletion_protection != self.deletion_protection {
            order = order.deletion_protection(self.deletion_protection);
        }
        let (is, rules) = (attrs.house, House::RULES);
        if is.publicly_accessible != rules.publicly_accessible {
            order = order.publicly_accessible(rules.publicly_accessible);
        }
        if is.auto_minor_version_upgrade != rules.auto_minor_version_upgrade {
            order = order.auto_minor_version_upgrade(rules.auto_minor_version_upgrade);
        }
        if is.copy_tags_to_snapshot != rules.copy_tags_to_snapshot {
            order = order.copy_tags_to_snapshot(rules.copy_tags_to_snapshot);
        }
        if attrs.parameter_group != *self.parameter_group.get()? {
            order = order.db_parameter_group_name(self.parameter_group.get()?);
        }
        if !attrs.security_groups.iter().eq(self.wanted_groups()?) {
            order = order.set_vpc_security_group_ids(Some(self.wanted_groups()?.into_iter().map(String::from).collect()));
        }
        let secret = self.master_secret.get()?;
        let new_secret = attrs.master_secret.as_ref() != Some(secret);
        if new_secret {
            let password: Password = password_of(cx, secret.as_str()).await?;
            order = order.master_user_password(password.expose());
        }
        self.send(cx, order).await?;
        if new_secret {
            let tag = Tag::builder().key(MASTER_SECRET).value(secret.as_str()).build();
            let call = || cx.aws.rds.add_tags_to_resource().resource_name(attrs.arn.as_str()).tags(tag.clone()).send();
            cx.mutate("rds:AddTagsToResource", call).await?;
        }
        match look(cx, identifier).await? {
            Some(shown) => Ok(shown.attrs),
            None => Err(Error::Incomplete { call: "rds:DescribeDBInstances", what: "the instance that was just changed" }),
        }
    }

    /// Has what waits for the maintenance window carried out now. "If you choose to apply changes immediately, your new changes and any
    /// changes in the pending modifications queue are applied" ("Using the schedule modifications setting").
    async fn hasten(&self, cx: &Cx, attrs: DbInstanceAttrs) -> Result<DbInstanceAttrs> {
        let Some(shown) = look(cx, &attrs.identifier).await?.filter(|shown| shown.attrs.waits_for_window) else { return Ok(attrs) };
        let pending = shown.pending;
        let order = Self::modification(cx, &attrs.identifier).set_db_instance_class(pending.db_instance_class).set_multi_az(pending.multi_az);
        let order = order.set_engine_version(pending.engine_version).set_allocated_storage(pending.allocated_storage);
        let order = order.set_storage_type(pending.storage_type).set_backup_retention_period(pending.backup_retention_period);
        self.send(cx, order).await?;
        Ok(attrs)
    }

    pub(super) fn modification(cx: &Cx, identifier: &str) -> ModifyDBInstanceFluentBuilder {
        cx.aws.rds.modify_db_instance().db_instance_identifier(identifier).apply_immediately(true)
    }

    pub(super) async fn send(&self, cx: &Cx, order: ModifyDBInstanceFluentBuilder) -> Result<()> {
        cx.retry("the database to take a change", &["InvalidDBInstanceState"], BUSY_SECONDS, || async {
            cx.mutate("rds:ModifyDBInstance", || order.clone().send()).await.map(drop)
        })
        .await
    }

    /// AWS shows `16.8` when `16` was asked for.
    fn same_version(&self, shown: &str) -> bool {
        shown == self.engine_version || shown.strip_prefix(self.engine_version.as_str()).is_some_and(|rest| rest.starts_with('.'))
    }

    fn wanted_logs(&self) -> BTreeSet<&String> {
        self.log_exports.iter().collect()
    }

    fn wanted_groups(&self) -> Result<BTreeSet<&SecurityGroupId>> {
        Ok(self.security_groups.iter().map(Input::get).collect::<Result<BTreeSet<_>, _>>()?)
    }
}

/// Why a major version is not changed. RDS wants logical replication slots dropped before, and the way back is to restore a snapshot from before
/// the upgrade (RDS User Guide, "How to perform a major version upgrade for RDS for PostgreSQL").
fn another_major(is: &str, wanted: &str) -> Option<String> {
    let number = |version: &str| major(version).parse::<u32>().unwrap_or(0);
    match number(is).cmp(&number(wanted)) {
        Ordering::Equal => None,
        Ordering::Greater => Some(format!(
            "the database has PostgreSQL {is}, and RDS can not take it back to {wanted}; set `database.engine_version` to {}, or, when it was upgraded outside of this tool, list its `engine_version` in `drift.ignore`",
            major(is)
        )),
        Ordering::Less => Some(format!(
            "the database has PostgreSQL {is}, and another major version, {wanted}, is a migration of its own: it ends every replication, and there is no way back; set `database.engine_version` to {}",
            major(is)
        )),
    }
}

/// Why a minor version is not taken back ("Upgrading the minor engine version": only to a later one).
fn older_minor(is: &str, wanted: &str) -> Option<String> {
    let minor = |version: &str| version.split_once('.').and_then(|(_, minor)| minor.parse::<u32>().ok());
    (minor(wanted)? < minor(is)?).then(|| {
        format!("the database has PostgreSQL {is}, and RDS can not take it back to {wanted}; set `database.engine_version` to {is} or a later one")
    })
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minor_version_has_the_same_major_version() {
        assert_eq!(major("16.8"), "16");
        assert_eq!(major("16"), "16");
    }

    #[test]
    fn a_way_back_to_an_older_major_version_was_called_an_upgrade() {
        assert!(another_major("17.4", "16").is_some_and(|why| why.contains("can not take it back to 16")));
        assert!(another_major("15.8", "16").is_some_and(|why| why.contains("is a migration of its own")));
        assert_eq!(another_major("16.8", "16"), None);
    }

    #[test]
    fn a_way_back_to_an_older_minor_version_was_planned() {
        assert!(older_minor("16.11", "16.4").is_some_and(|why| why.contains("can not take it back to 16.4")));
        assert!(older_minor("16.4", "16.11").is_none() && older_minor("16.11", "16.11").is_none() && older_minor("16.11", "16").is_none());
    }
}
