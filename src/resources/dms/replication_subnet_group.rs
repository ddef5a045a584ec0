//! The subnets that a replication instance may be placed in.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS, filter, tagging};
use crate::address::SubnetId;
use crate::aws::partition;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::judge;

/// The specification of a replication subnet group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ReplicationSubnetGroup {
    /// Its name, in lower case.
    pub identifier: String,
    /// What it is for.
    pub description: String,
    /// Its subnets, in two availability zones at least.
    pub subnets: Vec<Input<SubnetId>>,
    /// Makes it wait for the role `dms-vpc-role`, without which DMS refuses it.
    pub vpc_role: Input<String>,
}

/// What is known of a replication subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicationSubnetGroupAttrs {
    /// Its name.
    pub identifier: String,
    /// What it is for.
    pub description: String,
    /// Its subnets.
    pub subnets: BTreeSet<SubnetId>,
}

impl Handle<ReplicationSubnetGroup> {
    /// The group's name.
    pub fn identifier(&self) -> Input<String> {
        self.created("identifier")
    }
}

#[async_trait]
impl Resource for ReplicationSubnetGroup {
    const KIND: &'static str = "dms.replication_subnet_group";
    const ABOUT: About = About {
        summary: "the subnets of a replication instance",
        create_seconds: 10,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "dms:CreateReplicationSubnetGroup",
            "dms:DescribeReplicationSubnetGroups",
            "dms:ModifyReplicationSubnetGroup",
            "dms:ListTagsForResource",
            "dms:AddTagsToResource",
            "dms:RemoveTagsFromResource",
            "dms:DeleteReplicationSubnetGroup",
        ],
        creates: &["dms:CreateReplicationSubnetGroup"],
        changes: &["dms:ModifyReplicationSubnetGroup", "dms:AddTagsToResource", "dms:RemoveTagsFromResource"],
        deletes: &["dms:DeleteReplicationSubnetGroup"],
        immutable: &["identifier"],
        tagged: true,
        blocked_by: "replication instances in it",
        unique: &[&["identifier"]],
        waits_for: &["vpc_role"],
        within_vpc: &["subnets"],
        ..About::PLAIN
    };
    type Attrs = ReplicationSubnetGroupAttrs;

    async fn observe(&self, cx: &Cx, _known: Option<&ReplicationSubnetGroupAttrs>) -> Result<Observed<ReplicationSubnetGroupAttrs>> {
        let call = cx.aws.dms.describe_replication_subnet_groups().filters(filter("replication-subnet-group-id", &self.identifier)?).send();
        let found = settled(cx.read("dms:DescribeReplicationSubnetGroups", call).await, NOT_FOUND)?;
        let groups = found.and_then(|found| found.replication_subnet_groups).unwrap_or_default();
        let Some(group) = groups.into_iter().find(|group| group.replication_subnet_group_identifier() == Some(&self.identifier)) else {
            return Ok(Observed::Absent);
        };
        let Some(tags) = tagging::of(cx, &self.arn(cx)).await? else { return Ok(Observed::Absent) };
        let subnets = group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()).map(Into::into).collect();
        let description = group.replication_subnet_group_description().unwrap_or_default().to_owned();
        Ok(judge(cx, &tags, &self.identifier, || ReplicationSubnetGroupAttrs { identifier: self.identifier.clone(), description, subnets }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<ReplicationSubnetGroupAttrs>) -> Result<ReplicationSubnetGroupAttrs> {
        let subnets = self.subnets.iter().map(|subnet| subnet.get().cloned()).collect::<Result<BTreeSet<_>, _>>()?;
        let wanted = ReplicationSubnetGroupAttrs { identifier: self.identifier.clone(), description: self.description.clone(), subnets };
        let ids: Vec<String> = wanted.subnets.iter().map(Into::into).collect();
        match seen {
            Some(attrs) if attrs == wanted => {}
            Some(_) => {
                let call = || {
                    let call = cx.aws.dms.modify_replication_subnet_group().replication_subnet_group_identifier(&self.identifier);
                    call.replication_subnet_group_description(&self.description).set_subnet_ids(Some(ids.clone())).send()
                };
                cx.mutate("dms:ModifyReplicationSubnetGroup", call).await?;
            }
            None => {
                let tags = tagging::sent(cx.identity.all_tags());
                let call = || {
                    let call = cx.aws.dms.create_replication_subnet_group().replication_subnet_group_identifier(&self.identifier);
                    let call = call.replication_subnet_group_description(&self.description).set_subnet_ids(Some(ids.clone()));
                    call.set_tags(Some(tags.clone())).send()
                };
                let why = "DMS to be able to use the role dms-vpc-role";
                cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateReplicationSubnetGroup", call)).await?;
            }
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &Cx, attrs: &ReplicationSubnetGroupAttrs) -> Result<()> {
        let call = || cx.aws.dms.delete_replication_subnet_group().replication_subnet_group_identifier(&attrs.identifier).send();
        let delete = || cx.mutate("dms:DeleteReplicationSubnetGroup", call);
        settled(cx.retry("the replication instance to be gone", BUSY, BUSY_SECONDS, delete).await, NOT_FOUND).map(drop)
    }

    async fn retag(&self, cx: &Cx, _attrs: &ReplicationSubnetGroupAttrs) -> Result<()> {
        tagging::retag(cx, &self.arn(cx)).await
    }

    fn id(attrs: &ReplicationSubnetGroupAttrs) -> String {
        attrs.identifier.clone()
    }
}

impl ReplicationSubnetGroup {
    /// No answer holds it ("Constructing an Amazon Resource Name (ARN) for AWS DMS").
    fn arn(&self, cx: &Cx) -> String {
        format!("arn:{}:dms:{}:{}:subgrp:{}", partition(&cx.region), cx.region, cx.account, self.identifier)
    }
}
