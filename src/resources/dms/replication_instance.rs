//! The machine that replication tasks run on: private, and upgraded only when the configuration says so.

use std::collections::BTreeSet;

use async_trait::async_trait;
use aws_sdk_databasemigration::types::ReplicationInstance as Shown;
use serde::{Deserialize, Serialize};

use super::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS, filter, tagging};
use crate::address::{Arn, SecurityGroupId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::judge;

/// How long one status may last, in seconds: with a standby, creation takes more than half an hour.
const PATIENCE: u64 = 60 * 60;
/// It will not get better by itself ("ReplicationInstanceStatus").
const BROKEN: &[&str] = &["failed", "creation-failed", "storage-full", "incompatible-credentials", "incompatible-network", "maintenance-failed"];

/// The specification of a replication instance.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplicationInstance {
    /// Its name, in lower case.
    pub identifier: String,
    /// For example `dms.c5.large`.
    pub instance_class: String,
    /// Gigabytes of storage. It can grow, never shrink.
    pub allocated_storage_gb: i32,
    /// The full version of the engine.
    pub engine_version: String,
    /// The subnets it may be placed in.
    pub subnet_group: Input<String>,
    /// What it may talk to.
    pub security_groups: Vec<Input<SecurityGroupId>>,
    /// A key of the customer's own; the key `aws/dms` without.
    pub kms_key: Option<String>,
    /// Whether it has a standby in another availability zone.
    pub multi_az: bool,
    /// Makes it wait for the role that it writes its logs with.
    pub logs_role: Input<String>,
}

/// What is known of a replication instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicationInstanceAttrs {
    pub identifier: String,
    pub arn: Arn,
    pub instance_class: String,
    pub allocated_storage_gb: i32,
    pub engine_version: String,
    pub security_groups: BTreeSet<SecurityGroupId>,
    pub multi_az: bool,
    /// Whether it has a public address; never with this tool.
    #[serde(default)]
    pub publicly_accessible: bool,
    /// Whether AWS upgrades minor versions when it likes; never with this tool.
    #[serde(default)]
    pub auto_minor_version_upgrade: bool,
    /// The subnets that it was placed in, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    /// The key that it is encrypted with, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

impl Handle<ReplicationInstance> {
    /// The instance's name, which CloudWatch knows it by.
    pub fn identifier(&self) -> Input<String> {
        self.created("identifier")
    }

    /// The instance's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The instance's ARN, once tasks can run on it.
    pub fn usable_arn(&self) -> Input<Arn> {
        self.ready("arn")
    }
}

#[async_trait]
impl Resource for ReplicationInstance {
    const KIND: &'static str = "dms.replication_instance";
    const ABOUT: About = About {
        summary: "a private replication instance",
        create_seconds: 3,
        ready_seconds: 500,
        delete_seconds: 180,
        operations: &[
            "dms:CreateReplicationInstance",
            "dms:DescribeReplicationInstances",
            "dms:ModifyReplicationInstance",
            "dms:ListTagsForResource",
            "dms:AddTagsToResource",
            "dms:RemoveTagsFromResource",
            "dms:DeleteReplicationInstance",
        ],
        creates: &["dms:CreateReplicationInstance"],
        changes: &["dms:ModifyReplicationInstance", "dms:AddTagsToResource", "dms:RemoveTagsFromResource"],
        deletes: &["dms:DeleteReplicationInstance"],
        immutable: &["identifier", "subnet_group", "kms_key"],
        tagged: true,
        blocked_by: "replication tasks on it",
        unique: &[&["identifier"]],
        waits_for: &["logs_role"],
        interrupts: &[
            ("engine_version", "the replication instance restarts, and its tasks resume"),
            ("instance_class", "the replication instance restarts, and its tasks resume"),
        ],
        change_seconds: &[("instance_class", 400), ("allocated_storage_gb", 400), ("multi_az", 400), ("engine_version", 30), ("security_groups", 30)],
        limits: &[("allocated_storage_gb", "less is refused")],
        ..About::PLAIN
    };
    type Attrs = ReplicationInstanceAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&ReplicationInstanceAttrs>) -> Result<Observed<ReplicationInstanceAttrs>> {
        let identifier = known.map_or(&self.identifier, |attrs| &attrs.identifier);
        let Some(shown) = look(cx, identifier).await? else { return Ok(Observed::Absent) };
        let attrs = attrs_of(&shown);
        let Some(tags) = tagging::of(cx, attrs.arn.as_str()).await? else { return Ok(Observed::Absent) };
        let judged = judge(cx, &tags, identifier, || attrs);
        if matches!(judged, Observed::Ours(_)) && status(&shown) == "deleting" {
            // Its name is free again only when it is gone.
            wait_gone(cx, identifier).await?;
            return Ok(Observed::Absent);
        }
        Ok(judged)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ReplicationInstanceAttrs>) -> Result<ReplicationInstanceAttrs> {
        let security_groups = self.security_groups.iter().map(|group| group.get().cloned()).collect::<Result<BTreeSet<_>, _>>()?;
        let groups: Vec<String> = security_groups.iter().map(Into::into).collect();
        let Some(attrs) = seen else { return self.create(cx, groups).await };
        if let Some(why) = self.impossible(&attrs) {
            let address = &cx.identity.address;
            return Err(Error::OneWay(format!("{why} (`--replace {address}` makes a new one)")));
        }
        if self.is_in(&attrs, &security_groups) {
            return Ok(attrs);
        }
        self.usable(cx, &attrs.identifier).await?;
        let call = || {
            let call = cx.aws.dms.modify_replication_instance().replication_instance_arn(attrs.arn.as_str()).apply_immediately(true);
            let call = call.replication_instance_class(&self.instance_class).allocated_storage(self.allocated_storage_gb);
            let call = call.engine_version(&self.engine_version).allow_major_version_upgrade(true).multi_az(self.multi_az);
            let call = call.set_auto_minor_version_upgrade(attrs.auto_minor_version_upgrade.then_some(false));
            call.set_vpc_security_group_ids(Some(groups.clone())).send()
        };
        let why = "the replication instance to take the change";
        cx.retry(why, BUSY, BUSY_SECONDS, || cx.mutate("dms:ModifyReplicationInstance", call)).await?;
        // What it will be; `ready` waits until it is.
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

    async fn ready(&self, cx: &Cx, attrs: ReplicationInstanceAttrs) -> Result<ReplicationInstanceAttrs> {
        self.usable(cx, &attrs.identifier).await
    }

    async fn delete(&self, cx: &Cx, attrs: &ReplicationInstanceAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_replication_instance().replication_instance_arn(attrs.arn.as_str()).send();
        let delete = || async {
            // While it is being made or changed, and while its last task goes, the deletion is refused.
            match look(cx, &attrs.identifier).await?.as_ref().map(status) {
                None | Some("deleting") => Ok(()),
                Some(_) => settled(cx.mutate("dms:DeleteReplicationInstance", call).await, NOT_FOUND).map(drop),
            }
        };
        cx.retry("the replication instance to be deletable", BUSY, PATIENCE, delete).await?;
        wait_gone(cx, &attrs.identifier).await
    }

    async fn retag(&self, cx: &Cx, attrs: &ReplicationInstanceAttrs) -> Result<()> {
        tagging::retag(cx, attrs.arn.as_str()).await
    }

    fn impossible(&self, is: &ReplicationInstanceAttrs) -> Option<String> {
        // `ModifyReplicationInstance` has no member for it.
        if is.publicly_accessible {
            return Some("the replication instance is publicly accessible, which DMS can not change; a new one would be private".to_owned());
        }
        let (has, wanted) = (is.allocated_storage_gb, self.allocated_storage_gb);
        (has > wanted).then(|| {
            format!("the replication instance has {has} GiB, and DMS can not shrink it to {wanted}; set `replication.allocated_storage_gb` to {has} or more")
        })
    }

    fn id(attrs: &ReplicationInstanceAttrs) -> String {
        attrs.identifier.clone()
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

    async fn create(&self, cx: &Cx, groups: Vec<String>) -> Result<ReplicationInstanceAttrs> {
        let subnet_group = self.subnet_group.get()?;
        let tags = tagging::sent(cx.identity.all_tags());
        let call = || {
            let call = cx.aws.dms.create_replication_instance().replication_instance_identifier(&self.identifier);
            let call = call.replication_instance_class(&self.instance_class).allocated_storage(self.allocated_storage_gb);
            let call = call.engine_version(&self.engine_version).replication_subnet_group_identifier(subnet_group);
            let call = call.set_vpc_security_group_ids(Some(groups.clone())).set_kms_key_id(self.kms_key.clone()).multi_az(self.multi_az);
            call.publicly_accessible(false).auto_minor_version_upgrade(false).set_tags(Some(tags.clone())).send()
        };
        let why = "DMS to be able to use the role dms-vpc-role";
        let made = cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateReplicationInstance", call)).await?;
        let shown = made.replication_instance.ok_or(Error::Incomplete { call: "dms:CreateReplicationInstance", what: "the instance" })?;
        Ok(attrs_of(&shown))
    }

    /// Waits until it is available and no change is pending.
    async fn usable(&self, cx: &Cx, identifier: &str) -> Result<ReplicationInstanceAttrs> {
        cx.wait(Wait::new(format!("replication instance {identifier} to become available"), 10, PATIENCE), || async {
            let Some(shown) = look(cx, identifier).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            let changing = shown.pending_modified_values().is_some_and(|pending| {
                pending.replication_instance_class().is_some()
                    || pending.allocated_storage().is_some()
                    || pending.multi_az().is_some()
                    || pending.engine_version().is_some()
            });
            Ok(match status(&shown) {
                "available" if !changing => Progress::Reached(attrs_of(&shown)),
                "available" => Progress::Pending("available, with a change that is still to be made".to_owned()),
                status if BROKEN.contains(&status) => Progress::Failed { status: status.to_owned(), reason: None },
                "deleting" => Progress::Failed { status: "deleting".to_owned(), reason: None },
                status => Progress::Pending(status.to_owned()),
            })
        })
        .await
    }
}

fn status(shown: &Shown) -> &str {
    shown.replication_instance_status().unwrap_or("unknown")
}

fn attrs_of(shown: &Shown) -> ReplicationInstanceAttrs {
    let groups = shown.vpc_security_groups().iter().filter(|group| group.status() != Some("removing"));
    ReplicationInstanceAttrs {
        identifier: shown.replication_instance_identifier().unwrap_or_default().to_owned(),
        arn: shown.replication_instance_arn().unwrap_or_default().into(),
        instance_class: shown.replication_instance_class().unwrap_or_default().to_owned(),
        allocated_storage_gb: shown.allocated_storage(),
        engine_version: shown.engine_version().unwrap_or_default().to_owned(),
        security_groups: groups.filter_map(|group| group.vpc_security_group_id()).map(Into::into).collect(),
        multi_az: shown.multi_az(),
        publicly_accessible: shown.publicly_accessible(),
        auto_minor_version_upgrade: shown.auto_minor_version_upgrade(),
        subnet_group: shown.replication_subnet_group().and_then(|group| group.replication_subnet_group_identifier()).map(str::to_owned),
        kms_key: shown.kms_key_id().map(str::to_owned),
    }
}

async fn look(cx: &Cx, identifier: &str) -> Result<Option<Shown>> {
    let call = cx.aws.dms.describe_replication_instances().filters(filter("replication-instance-id", identifier)?).send();
    let found = settled(cx.read("dms:DescribeReplicationInstances", call).await, NOT_FOUND)?;
    let shown = found.and_then(|found| found.replication_instances).unwrap_or_default();
    Ok(shown.into_iter().find(|one| one.replication_instance_identifier() == Some(identifier)))
}

async fn wait_gone(cx: &Cx, identifier: &str) -> Result<()> {
    cx.wait(Wait::new(format!("replication instance {identifier} to be gone"), 10, PATIENCE), || async {
        Ok(match look(cx, identifier).await? {
            None => Progress::Reached(()),
            Some(shown) => Progress::Pending(status(&shown).to_owned()),
        })
    })
    .await
}
