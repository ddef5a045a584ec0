//! A DB subnet group: the subnets, in at least two availability zones, among which RDS places a database.
//!
//! Its subnets can be changed in place. RDS stores its name in lower case.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::group_deletion::delete_when_free;
use super::tagging;
use crate::iam::service_linked_role;
use crate::ownership::classify;
use infra_base::address::{Arn, SubnetId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a DB subnet group.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "rds.db_subnet_group",
    summary = "the subnets among which RDS places a database",
    repeat = "name",
    arns("rds:subgrp:"),
    create_seconds = 2,
    delete_seconds = 1,
    tagger = tagging::Rds,
    delete_blockers = "database instances in it",
    reads(
        "rds:DescribeDBSubnetGroups",
        "rds:ListTagsForResource",
        "rds:DescribeDBInstances",
        "iam:GetRole",
        "tag:GetResources",
    ),
    creates("rds:CreateDBSubnetGroup", "iam:CreateServiceLinkedRole"),
    updates("rds:ModifyDBSubnetGroup"),
    deletes("rds:DeleteDBSubnetGroup"),
)]
pub struct DbSubnetGroup {
    /// Its name, in lower case.
    #[immutable]
    #[unique]
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its subnets, in at least two availability zones.
    #[same_scope]
    pub subnets: Vec<Input<SubnetId>>,
}

/// What is known of a DB subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct DbSubnetGroupAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    pub name: String,
    /// Its ARN.
    #[tag_target]
    pub arn: String,
    /// What it is for.
    pub description: String,
    /// Its subnets.
    pub subnets: BTreeSet<SubnetId>,
}

#[async_trait]
impl Resource for DbSubnetGroup {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&DbSubnetGroupAttrs>,
    ) -> Result<Observed<DbSubnetGroupAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let call = cx.aws.rds.describe_db_subnet_groups().db_subnet_group_name(name).send();
        let found = ignore_codes(cx.read("rds:DescribeDBSubnetGroups", call).await, &["DBSubnetGroupNotFoundFault"])?;
        let Some(group) = found.and_then(|found| found.db_subnet_groups?.pop()) else { return Ok(Observed::Absent) };
        let arn = group.db_subnet_group_arn().unwrap_or_default();
        let tags = tagging::list(cx, arn).await?;
        Ok(classify(cx, &tags, arn, || from_sdk(&group)))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(name) = arn.id_after("rds:subgrp:") else { return Ok(true) };
        let call = cx.aws.rds.describe_db_subnet_groups().db_subnet_group_name(name).send();
        Ok(ignore_codes(cx.read("rds:DescribeDBSubnetGroups", call).await, &["DBSubnetGroupNotFoundFault"])?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<DbSubnetGroupAttrs>) -> Result<DbSubnetGroupAttrs> {
        let subnets = self.subnets.iter().map(Input::get).collect::<Result<BTreeSet<&SubnetId>, _>>()?;
        let ids: Vec<String> = subnets.iter().map(|id| id.0.clone()).collect();
        let Some(mut attrs) = seen else {
            service_linked_role::RDS.ensure(cx).await?;
            let tags = tagging::to_sdk(cx.identity.all_tags());
            let call = || {
                let call = cx
                    .aws
                    .rds
                    .create_db_subnet_group()
                    .db_subnet_group_name(&self.name)
                    .db_subnet_group_description(&self.description);
                call.set_subnet_ids(Some(ids.clone())).set_tags(Some(tags.clone())).send()
            };
            let created = cx.mutate("rds:CreateDBSubnetGroup", call).await?;
            let group = created
                .db_subnet_group
                .ok_or(Error::MissingField { call: "rds:CreateDBSubnetGroup", what: "the group" })?;
            return Ok(from_sdk(&group));
        };
        if attrs.subnets.iter().ne(subnets.iter().copied()) || attrs.description != self.description {
            let call = || {
                let call = cx
                    .aws
                    .rds
                    .modify_db_subnet_group()
                    .db_subnet_group_name(&attrs.name)
                    .db_subnet_group_description(&self.description);
                call.set_subnet_ids(Some(ids.clone())).send()
            };
            cx.mutate("rds:ModifyDBSubnetGroup", call).await?;
            attrs.subnets = subnets.into_iter().cloned().collect();
            attrs.description.clone_from(&self.description);
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &DbSubnetGroupAttrs) -> Result<()> {
        let uses = |instance: &aws_sdk_rds::types::DbInstance| {
            instance
                .db_subnet_group()
                .and_then(|group| group.db_subnet_group_name())
                .is_some_and(|name| name == attrs.name)
        };
        let call = || cx.aws.rds.delete_db_subnet_group().db_subnet_group_name(&attrs.name).send();
        delete_when_free(cx, &attrs.name, "InvalidDBSubnetGroupStateFault", uses, || async {
            ignore_codes(cx.mutate("rds:DeleteDBSubnetGroup", call).await, &["DBSubnetGroupNotFoundFault"]).map(drop)
        })
        .await
    }
}

fn from_sdk(group: &aws_sdk_rds::types::DbSubnetGroup) -> DbSubnetGroupAttrs {
    DbSubnetGroupAttrs {
        name: group.db_subnet_group_name().unwrap_or_default().to_owned(),
        arn: group.db_subnet_group_arn().unwrap_or_default().to_owned(),
        description: group.db_subnet_group_description().unwrap_or_default().to_owned(),
        subnets: group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()).map(SubnetId::from).collect(),
    }
}
