//! The machine that runs replication tasks. It is private, and upgraded only by the configuration.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_databasemigration::types::ReplicationInstance as Description;
use serde::{Deserialize, Serialize};

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS};
use super::filter::filter;
use super::tagging;
use crate::ownership::classify;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, SecurityGroupId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, Spec as _, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long one status can last, in seconds: with a standby, the creation takes more than half an hour.
const STALL_SECONDS: u64 = 60 * 60;
/// It does not recover by itself ("ReplicationInstanceStatus").
const BROKEN: &[&str] = &[
    "failed",
    "creation-failed",
    "storage-full",
    "incompatible-credentials",
    "incompatible-network",
    "maintenance-failed",
];

/// The specification of a replication instance.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.replication_instance",
    summary = "a private replication instance",
    repeat = "name",
    arns("dms:rep:"),
    create_seconds = 3,
    ready_seconds = 500,
    ready_least_seconds = 300,
    ready_most_seconds = 960,
    delete_seconds = 180,
    tagger = tagging::Dms,
    delete_blockers = "replication tasks that run on it",
    reads("dms:DescribeReplicationInstances", "dms:ListTagsForResource", "tag:GetResources"),
    creates("dms:CreateReplicationInstance"),
    updates("dms:ModifyReplicationInstance"),
    deletes("dms:DeleteReplicationInstance"),
)]
pub struct ReplicationInstance {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub identifier: String,
    /// For example `dms.c5.large`.
    #[update(seconds = 400)]
    #[interrupts("the replication instance restarts, and its tasks resume")]
    pub instance_class: String,
    /// Gigabytes of storage. It can grow, never shrink.
    #[update(seconds = 400)]
    #[constraint("less is refused")]
    pub allocated_storage_gb: i32,
    /// The full version of the engine.
    #[update(seconds = 30)]
    #[interrupts("the replication instance restarts, and its tasks resume")]
    #[compare(version_prefix)]
    pub engine_version: String,
    /// Its subnet group.
    #[immutable]
    pub subnet_group: Input<String>,
    /// Its security groups.
    #[update(seconds = 30)]
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// A customer-managed key. Without one, DMS uses the key `aws/dms`.
    #[immutable]
    pub kms_key: Option<String>,
    /// Whether it has a standby in another availability zone.
    #[update(seconds = 400)]
    pub multi_az: bool,
    /// Delays it until the role exists with which it writes its logs.
    #[order_only]
    pub logs_role: Input<String>,
}

/// What is known of a replication instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ReplicationInstanceAttrs {
    #[id]
    #[output(created, doc = "The instance's name, which identifies it in CloudWatch.")]
    pub identifier: String,
    #[tag_target]
    #[output(created, doc = "The instance's ARN.")]
    #[output(ready, name = "usable_arn", doc = "The instance's ARN, once tasks can run on it.")]
    pub arn: Arn,
    pub instance_class: String,
    pub allocated_storage_gb: i32,
    pub engine_version: String,
    pub security_groups: BTreeSet<SecurityGroupId>,
    pub multi_az: bool,
    /// Whether it has a public address; never with this tool.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// Whether AWS upgrades minor versions on its own; never with this tool.
    #[serde(default)]
    pub auto_minor_version_upgrade: bool,
    /// Its subnet group, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    /// The key that encrypts it, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

#[async_trait]
impl Resource for ReplicationInstance {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&ReplicationInstanceAttrs>,
    ) -> Result<Observed<ReplicationInstanceAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(current) = describe(cx, identifier).await? else { return Ok(Observed::Absent) };
        let attrs = attrs_of(&current);
        let Some(tags) = tagging::list(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let observed = classify(cx, &tags, identifier, || attrs);
        if matches!(observed, Observed::Ours(_)) && status(&current) == "deleting" {
            // Its name is free again only after the deletion.
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(observed)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<ReplicationInstanceAttrs>,
    ) -> Result<ReplicationInstanceAttrs> {
        let security_groups =
            self.security_groups.iter().map(|group| group.get().cloned()).collect::<Result<BTreeSet<_>, _>>()?;
        let groups: Vec<String> = security_groups.iter().map(Into::into).collect();
        let Some(attrs) = seen else { return self.create(cx, groups).await };
        if let Some(why) = self.validate_change(&attrs) {
            let address = &cx.identity.address;
            return Err(Error::Irreversible(format!("{why}; `--replace {address}` replaces it")));
        }
        if self.is_in(&attrs, &security_groups) {
            return Ok(attrs);
        }
        self.usable(cx, &attrs.identifier).await?;
        let call = || {
            let call = cx
                .aws
                .dms
                .modify_replication_instance()
                .replication_instance_arn(attrs.arn.as_str())
                .apply_immediately(true);
            let call =
                call.replication_instance_class(&self.instance_class).allocated_storage(self.allocated_storage_gb);
            let call =
                call.engine_version(&self.engine_version).allow_major_version_upgrade(true).multi_az(self.multi_az);
            let call = call.set_auto_minor_version_upgrade(attrs.auto_minor_version_upgrade.then_some(false));
            call.set_vpc_security_group_ids(Some(groups.clone())).send()
        };
        let why = "the replication instance to accept the change";
        cx.retry(why, BUSY, BUSY_SECONDS, || cx.mutate("dms:ModifyReplicationInstance", call)).await?;
        // The future state; `ready` waits for it.
        Ok(ReplicationInstanceAttrs {
            instance_class: self.instance_class.clone(),
            allocated_storage_gb: self.allocated_storage_gb,
            engine_version: self.engine_version.clone(),
            multi_az: self.multi_az,
            security_groups,
            auto_minor_version_upgrade: false,
            ..attrs
        })
    }

    async fn ready(&self, cx: &StepContext, attrs: ReplicationInstanceAttrs) -> Result<ReplicationInstanceAttrs> {
        self.usable(cx, &attrs.identifier).await
    }

    async fn delete(&self, cx: &StepContext, attrs: &ReplicationInstanceAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_replication_instance().replication_instance_arn(attrs.arn.as_str()).send();
        let delete = || async {
            // AWS refuses the deletion while the instance is created or changed, and while its last task is deleted.
            match describe(cx, &attrs.identifier).await?.as_ref().map(status) {
                None | Some("deleting") => Ok(()),
                Some(_) => ignore_codes(cx.mutate("dms:DeleteReplicationInstance", call).await, NOT_FOUND).map(drop),
            }
        };
        cx.retry("the replication instance to be deletable", BUSY, STALL_SECONDS, delete).await?;
        wait_gone(cx, &attrs.identifier).await
    }

    fn validate_change(&self, is: &ReplicationInstanceAttrs) -> Option<String> {
        // `ModifyReplicationInstance` cannot change it.
        if is.publicly_accessible {
            return Some(
                "the replication instance is publicly accessible, which DMS cannot change; a new one is private"
                    .to_owned(),
            );
        }
        let (has, wanted) = (is.allocated_storage_gb, self.allocated_storage_gb);
        (has > wanted).then(|| {
            format!(
                "the replication instance has {has} GiB, and DMS cannot shrink it to {wanted}; set \
                 `replication.allocated_storage_gb` to {has} or more"
            )
        })
    }
}

impl ReplicationInstance {
    fn is_in(&self, attrs: &ReplicationInstanceAttrs, groups: &BTreeSet<SecurityGroupId>) -> bool {
        attrs.instance_class == self.instance_class
            && attrs.allocated_storage_gb == self.allocated_storage_gb
            && attrs.engine_version == self.engine_version
            && attrs.multi_az == self.multi_az
            && attrs.security_groups == *groups
            && !attrs.auto_minor_version_upgrade
    }

    async fn create(&self, cx: &StepContext, groups: Vec<String>) -> Result<ReplicationInstanceAttrs> {
        let subnet_group = self.subnet_group.get()?;
        let tags = tagging::to_sdk(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.dms.create_replication_instance().replication_instance_identifier(&self.identifier);
            let call =
                call.replication_instance_class(&self.instance_class).allocated_storage(self.allocated_storage_gb);
            let call = call.engine_version(&self.engine_version).replication_subnet_group_identifier(subnet_group);
            let call = call
                .set_vpc_security_group_ids(Some(groups.clone()))
                .set_kms_key_id(self.kms_key.clone())
                .multi_az(self.multi_az);
            call.publicly_accessible(false).auto_minor_version_upgrade(false).set_tags(Some(tags.clone())).send()
        };
        let why = "DMS to be able to use the role dms-vpc-role";
        let created = cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateReplicationInstance", call)).await?;
        let current = created
            .replication_instance
            .ok_or(Error::MissingField { call: "dms:CreateReplicationInstance", what: "the instance" })?;
        Ok(attrs_of(&current))
    }

    /// Waits until the instance is available and no change is pending.
    async fn usable(&self, cx: &StepContext, identifier: &str) -> Result<ReplicationInstanceAttrs> {
        let wait = Wait::new(format!("replication instance {identifier} to become available"), 10, STALL_SECONDS);
        cx.wait(wait.at_least("dms:CreateReplicationInstance", Self::SCHEMA.ready_least_seconds), || async {
            let Some(current) = describe(cx, identifier).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            let changing = current.pending_modified_values().is_some_and(|pending| {
                pending.replication_instance_class().is_some()
                    || pending.allocated_storage().is_some()
                    || pending.multi_az().is_some()
                    || pending.engine_version().is_some()
            });
            Ok(match status(&current) {
                "available" if !changing => Progress::Reached(attrs_of(&current)),
                "available" => Progress::Pending("available, with a pending change".to_owned()),
                status if BROKEN.contains(&status) => Progress::Failed { status: status.to_owned(), reason: None },
                "deleting" => Progress::Failed { status: "deleting".to_owned(), reason: None },
                status => Progress::Pending(status.to_owned()),
            })
        })
        .await
    }
}

fn status(current: &Description) -> &str {
    current.replication_instance_status().unwrap_or("unknown")
}

fn attrs_of(current: &Description) -> ReplicationInstanceAttrs {
    let groups = current.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    ReplicationInstanceAttrs {
        identifier: current.replication_instance_identifier().unwrap_or_default().to_owned(),
        arn: current.replication_instance_arn().unwrap_or_default().into(),
        instance_class: current.replication_instance_class().unwrap_or_default().to_owned(),
        allocated_storage_gb: current.allocated_storage(),
        engine_version: current.engine_version().unwrap_or_default().to_owned(),
        security_groups: groups.filter_map(|group| group.vpc_security_group_id()).map(Into::into).collect(),
        multi_az: current.multi_az(),
        publicly_accessible: current.publicly_accessible(),
        auto_minor_version_upgrade: current.auto_minor_version_upgrade(),
        subnet_group: current
            .replication_subnet_group()
            .and_then(|group| group.replication_subnet_group_identifier())
            .map(str::to_owned),
        kms_key: current.kms_key_id().map(str::to_owned),
    }
}

async fn describe(cx: &StepContext, identifier: &str) -> Result<Option<Description>> {
    let call =
        cx.aws.dms.describe_replication_instances().filters(filter("replication-instance-id", identifier)?).send();
    let found = ignore_codes(cx.read("dms:DescribeReplicationInstances", call).await, NOT_FOUND)?;
    let current = found.and_then(|found| found.replication_instances).unwrap_or_default();
    Ok(current.into_iter().find(|one| one.replication_instance_identifier() == Some(identifier)))
}

async fn wait_gone(cx: &StepContext, identifier: &str) -> Result<()> {
    let wait = Wait::new(format!("replication instance {identifier} to be deleted"), 10, STALL_SECONDS)
        .typically("dms:DeleteReplicationInstance", ReplicationInstance::SCHEMA.delete_seconds);
    cx.wait(wait, || async {
        Ok(match describe(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(current) => Progress::Pending(status(&current).to_owned()),
        })
    })
    .await
}
