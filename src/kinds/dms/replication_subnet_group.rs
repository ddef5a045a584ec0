//! The subnets among which DMS places a replication instance.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::codes::{BUSY, BUSY_SECONDS, NOT_FOUND, ROLE, ROLE_SECONDS};
use super::filter::filter;
use super::tagging;
use crate::ownership::classify;
use infra_base::address::SubnetId;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a replication subnet group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "dms.replication_subnet_group",
    summary = "the subnets of a replication instance",
    repeat = "name",
    arns("dms:subgrp:"),
    create_seconds = 10,
    delete_seconds = 2,
    tagger = tagging::Dms,
    delete_blockers = "replication instances in it",
    reads("dms:DescribeReplicationSubnetGroups", "dms:ListTagsForResource", "tag:GetResources"),
    creates("dms:CreateReplicationSubnetGroup"),
    updates("dms:ModifyReplicationSubnetGroup"),
    deletes("dms:DeleteReplicationSubnetGroup"),
)]
pub struct ReplicationSubnetGroup {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub identifier: String,
    /// What it is for.
    pub description: String,
    /// Its subnets, in at least two availability zones.
    #[same_scope]
    pub subnets: Vec<Input<SubnetId>>,
    /// Delays it until the role `dms-vpc-role` exists, which DMS requires.
    #[order_only]
    pub vpc_role: Input<String>,
}

/// What is known of a replication subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct ReplicationSubnetGroupAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub identifier: String,
    /// What it is for.
    pub description: String,
    /// Its subnets.
    pub subnets: BTreeSet<SubnetId>,
}

#[async_trait]
impl Resource for ReplicationSubnetGroup {
    async fn observe(
        &self,
        cx: &StepContext,
        _known: Option<&ReplicationSubnetGroupAttrs>,
    ) -> Result<Observed<ReplicationSubnetGroupAttrs>> {
        let call = cx
            .aws
            .dms
            .describe_replication_subnet_groups()
            .filters(filter("replication-subnet-group-id", &self.identifier)?)
            .send();
        let found = ignore_codes(cx.read("dms:DescribeReplicationSubnetGroups", call).await, NOT_FOUND)?;
        let groups = found.and_then(|found| found.replication_subnet_groups).unwrap_or_default();
        let Some(group) =
            groups.into_iter().find(|group| group.replication_subnet_group_identifier() == Some(&self.identifier))
        else {
            return Ok(Observed::Absent);
        };
        let Some(tags) = tagging::list(cx, &self.arn(cx)).await? else { return Ok(Observed::Absent) };
        let subnets = group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()).map(Into::into).collect();
        let description = group.replication_subnet_group_description().unwrap_or_default().to_owned();
        Ok(classify(cx, &tags, &self.identifier, || ReplicationSubnetGroupAttrs {
            identifier: self.identifier.clone(),
            description,
            subnets,
        }))
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<ReplicationSubnetGroupAttrs>,
    ) -> Result<ReplicationSubnetGroupAttrs> {
        let subnets = self.subnets.iter().map(|subnet| subnet.get().cloned()).collect::<Result<BTreeSet<_>, _>>()?;
        let wanted = ReplicationSubnetGroupAttrs {
            identifier: self.identifier.clone(),
            description: self.description.clone(),
            subnets,
        };
        let ids: Vec<String> = wanted.subnets.iter().map(Into::into).collect();
        match seen {
            Some(attrs) if attrs == wanted => {}
            Some(_) => {
                let call = || {
                    let call = cx
                        .aws
                        .dms
                        .modify_replication_subnet_group()
                        .replication_subnet_group_identifier(&self.identifier);
                    call.replication_subnet_group_description(&self.description)
                        .set_subnet_ids(Some(ids.clone()))
                        .send()
                };
                cx.mutate("dms:ModifyReplicationSubnetGroup", call).await?;
            }
            None => {
                let tags = tagging::to_sdk(cx.identity.all_tags());
                let call = || {
                    let call = cx
                        .aws
                        .dms
                        .create_replication_subnet_group()
                        .replication_subnet_group_identifier(&self.identifier);
                    let call =
                        call.replication_subnet_group_description(&self.description).set_subnet_ids(Some(ids.clone()));
                    call.set_tags(Some(tags.clone())).send()
                };
                let why = "DMS to be able to use the role dms-vpc-role";
                cx.retry(why, ROLE, ROLE_SECONDS, || cx.mutate("dms:CreateReplicationSubnetGroup", call)).await?;
            }
        }
        Ok(wanted)
    }

    async fn delete(&self, cx: &StepContext, attrs: &ReplicationSubnetGroupAttrs) -> Result<()> {
        let call = || {
            cx.aws.dms.delete_replication_subnet_group().replication_subnet_group_identifier(&attrs.identifier).send()
        };
        let delete = || cx.mutate("dms:DeleteReplicationSubnetGroup", call);
        ignore_codes(cx.retry("the replication instance to be deleted", BUSY, BUSY_SECONDS, delete).await, NOT_FOUND)
            .map(drop)
    }

    fn tag_target(&self, cx: &StepContext, _attrs: &ReplicationSubnetGroupAttrs) -> String {
        self.arn(cx)
    }
}

impl ReplicationSubnetGroup {
    /// No response contains it ("Constructing an Amazon Resource Name (ARN) for AWS DMS").
    fn arn(&self, cx: &StepContext) -> String {
        cx.arn("dms", &format!("subgrp:{}", self.identifier)).into()
    }
}
