//! A DB subnet group: the subnets, in at least two availability zones, among which RDS places a database.
//!
//! Its subnets can be changed in place. RDS keeps its name in lower case.

use std::collections::BTreeSet;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{tagging, users};
use crate::address::SubnetId;
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::owned::{Tags, judge, kept};

/// The specification of a DB subnet group.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DbSubnetGroup {
    /// Its name, in lower case.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// Its subnets, which must lie in two availability zones or more.
    pub subnets: Vec<Input<SubnetId>>,
}

/// What is known of a DB subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DbSubnetGroupAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: String,
    /// What it is for.
    pub description: String,
    /// Its subnets.
    pub subnets: BTreeSet<SubnetId>,
    /// The tags that this tool sets.
    pub tags: Tags,
}

impl Handle<DbSubnetGroup> {
    /// The group's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }
}

#[async_trait]
impl Resource for DbSubnetGroup {
    const KIND: &'static str = "rds.db_subnet_group";
    const ABOUT: About = About {
        summary: "the subnets among which RDS places a database",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            "rds:CreateDBSubnetGroup",
            "rds:DescribeDBSubnetGroups",
            "rds:ModifyDBSubnetGroup",
            "rds:DeleteDBSubnetGroup",
            "rds:ListTagsForResource",
            "rds:AddTagsToResource",
            "rds:RemoveTagsFromResource",
            "rds:DescribeDBInstances",
        ],
        creates: &["rds:CreateDBSubnetGroup"],
        changes: &["rds:ModifyDBSubnetGroup", "rds:AddTagsToResource", "rds:RemoveTagsFromResource"],
        deletes: &["rds:DeleteDBSubnetGroup"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "database instances that are placed in it",
        unique: &[&["name"]],
        within_vpc: &["subnets"],
        ..About::PLAIN
    };
    type Attrs = DbSubnetGroupAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&DbSubnetGroupAttrs>) -> Result<Observed<DbSubnetGroupAttrs>> {
        let name = known.map_or(&self.name, |attrs| &attrs.name);
        let call = cx.aws.rds.describe_db_subnet_groups().db_subnet_group_name(name).send();
        let found = settled(cx.read("rds:DescribeDBSubnetGroups", call).await, &["DBSubnetGroupNotFoundFault"])?;
        let Some(group) = found.and_then(|found| found.db_subnet_groups?.pop()) else { return Ok(Observed::Absent) };
        let arn = group.db_subnet_group_arn().unwrap_or_default();
        let tags = tagging::of(cx, arn).await?;
        Ok(judge(cx, &tags, arn, || read(&group, kept(cx, tags.clone()))))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<DbSubnetGroupAttrs>) -> Result<DbSubnetGroupAttrs> {
        let subnets = self.subnets.iter().map(Input::get).collect::<Result<BTreeSet<&SubnetId>, _>>()?;
        let ids: Vec<String> = subnets.iter().map(|id| id.0.clone()).collect();
        let Some(mut attrs) = seen else {
            let tags = tagging::sent(cx.identity.all_tags());
            let call = || {
                let call = cx.aws.rds.create_db_subnet_group().db_subnet_group_name(&self.name).db_subnet_group_description(&self.description);
                call.set_subnet_ids(Some(ids.clone())).set_tags(Some(tags.clone())).send()
            };
            let made = cx.mutate("rds:CreateDBSubnetGroup", call).await?;
            let group = made.db_subnet_group.ok_or(Error::Incomplete { call: "rds:CreateDBSubnetGroup", what: "the group" })?;
            return Ok(read(&group, cx.identity.all_tags()));
        };
        if attrs.subnets.iter().ne(subnets.iter().copied()) || attrs.description != self.description {
            let call = || {
                let call = cx.aws.rds.modify_db_subnet_group().db_subnet_group_name(&attrs.name).db_subnet_group_description(&self.description);
                call.set_subnet_ids(Some(ids.clone())).send()
            };
            cx.mutate("rds:ModifyDBSubnetGroup", call).await?;
            attrs.subnets = subnets.into_iter().cloned().collect();
            attrs.description.clone_from(&self.description);
        }
        attrs.tags = tagging::bring(cx, &attrs.arn, attrs.tags).await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &DbSubnetGroupAttrs) -> Result<()> {
        let uses = |instance: &aws_sdk_rds::types::DbInstance| {
            instance.db_subnet_group().and_then(|group| group.db_subnet_group_name()).is_some_and(|name| name == attrs.name)
        };
        let call = || cx.aws.rds.delete_db_subnet_group().db_subnet_group_name(&attrs.name).send();
        users::delete_when_free(cx, &attrs.name, "InvalidDBSubnetGroupStateFault", uses, || async {
            settled(cx.mutate("rds:DeleteDBSubnetGroup", call).await, &["DBSubnetGroupNotFoundFault"]).map(drop)
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &DbSubnetGroupAttrs) -> Result<()> {
        tagging::bring(cx, &attrs.arn, attrs.tags.clone()).await.map(drop)
    }

    fn id(attrs: &DbSubnetGroupAttrs) -> String {
        attrs.name.clone()
    }
}

fn read(group: &aws_sdk_rds::types::DbSubnetGroup, tags: Tags) -> DbSubnetGroupAttrs {
    DbSubnetGroupAttrs {
        name: group.db_subnet_group_name().unwrap_or_default().to_owned(),
        arn: group.db_subnet_group_arn().unwrap_or_default().to_owned(),
        description: group.db_subnet_group_description().unwrap_or_default().to_owned(),
        subnets: group.subnets().iter().filter_map(|subnet| subnet.subnet_identifier()).map(SubnetId::from).collect(),
        tags,
    }
}
