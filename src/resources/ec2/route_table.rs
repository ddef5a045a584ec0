//! A route table. Its routes and its associations with subnets are resources of their own.

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, RouteTable as Shown};
use serde::{Deserialize, Serialize};

use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{RouteTableId, VpcId};
use crate::graph::Input;
use crate::resource::{About, Blocker, Cx, Error, Handle, Observed, Resource, Result, settled};

const NOT_FOUND: &str = "InvalidRouteTableID.NotFound";

/// The specification of a route table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTable {
    /// Its VPC.
    pub vpc: Input<VpcId>,
}

/// What is known of a route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAttrs {
    /// Its id.
    pub route_table_id: RouteTableId,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
}

impl Handle<RouteTable> {
    /// The table's id.
    pub fn id(&self) -> Input<RouteTableId> {
        self.created("route_table_id")
    }
}

#[async_trait]
impl Resource for RouteTable {
    const KIND: &'static str = "ec2.route_table";
    const ABOUT: About = About {
        summary: "a route table",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["ec2:CreateRouteTable", "ec2:DescribeRouteTables", "ec2:DeleteRouteTable", "ec2:CreateTags", "ec2:DeleteTags"],
        creates: &["ec2:CreateRouteTable"],
        deletes: &["ec2:DeleteRouteTable"],
        changes: &["ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc"],
        tagged: true,
        blocked_by: "its associations with subnets",
        ..About::PLAIN
    };
    type Attrs = RouteTableAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&RouteTableAttrs>) -> Result<Observed<RouteTableAttrs>> {
        let found = look(cx, known.map(|attrs| &attrs.route_table_id)).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let attrs =
            |table: Shown| RouteTableAttrs { route_table_id: table.route_table_id.unwrap_or_default().into(), vpc: table.vpc_id.map(Into::into) };
        tagging::judge(cx, found, |table| table.tags(), |table| table.route_table_id().unwrap_or_default().to_owned(), attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RouteTableAttrs>) -> Result<RouteTableAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let vpc = self.vpc.get()?;
        let (tags, token) = (tagging::specification(cx, ResourceType::RouteTable), &cx.identity.token);
        let call = || cx.aws.ec2.create_route_table().vpc_id(vpc).client_token(token).tag_specifications(tags.clone()).send();
        let made = once_visible(cx, || cx.mutate("ec2:CreateRouteTable", call)).await?;
        let id = made.route_table.and_then(|table| table.route_table_id);
        let id = id.ok_or(Error::Incomplete { call: "ec2:CreateRouteTable", what: "the route table id" })?;
        Ok(RouteTableAttrs { route_table_id: id.into(), vpc: Some(vpc.clone()) })
    }

    async fn delete(&self, cx: &Cx, attrs: &RouteTableAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_route_table().route_table_id(&attrs.route_table_id).send();
        // Our own associations have been taken away before; AWS may go on counting them for a moment.
        let delete = cx.retry("its associations to go", &["DependencyViolation"], 30, || cx.mutate("ec2:DeleteRouteTable", call)).await;
        match settled(delete, &[NOT_FOUND]) {
            Err(error) if error.is_code("DependencyViolation") => Err(name_associations(cx, attrs, error).await),
            other => other.map(drop),
        }
    }

    async fn retag(&self, cx: &Cx, attrs: &RouteTableAttrs) -> Result<()> {
        tagging::retag(cx, attrs.route_table_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<RouteTableAttrs> {
        Some(RouteTableAttrs { route_table_id: id.into(), vpc: None })
    }

    fn id(attrs: &RouteTableAttrs) -> String {
        attrs.route_table_id.0.clone()
    }
}

/// Looks for a table by its id, out of the listing of a survey if there is one, or by the marks of this address.
async fn look(cx: &Cx, id: Option<&RouteTableId>) -> Result<Option<Vec<Shown>>> {
    let describe = |ids, filters| {
        cx.aws
            .ec2
            .describe_route_tables()
            .set_route_table_ids(ids)
            .set_filters(filters)
            .into_paginator()
            .items()
            .send()
            .collect::<Result<Vec<_>, _>>()
    };
    seek(cx, "ec2:DescribeRouteTables", id.map(RouteTableId::as_str), Shown::route_table_id, &[NOT_FOUND], describe).await
}

/// Returns the table with this id.
pub(super) async fn table(cx: &Cx, id: &RouteTableId) -> Result<Option<Shown>> {
    Ok(look(cx, Some(id)).await?.and_then(|found| found.into_iter().next()))
}

/// Replaces AWS's "has dependencies" by the associations that somebody else has made.
async fn name_associations(cx: &Cx, attrs: &RouteTableAttrs, error: Error) -> Error {
    let call = cx.aws.ec2.describe_route_tables().route_table_ids(&attrs.route_table_id).send();
    let Ok(found) = cx.read("ec2:DescribeRouteTables", call).await else { return error };
    let associations = found.route_tables().iter().flat_map(Shown::associations);
    let blockers: Vec<Blocker> = associations
        .map(|association| Blocker {
            id: association.route_table_association_id().unwrap_or("an association").to_owned(),
            what: match association.subnet_id() {
                Some(subnet) => format!("the association with {subnet}"),
                None if association.main() == Some(true) => "the association as the main route table of the VPC".to_owned(),
                None => "an association with a gateway".to_owned(),
            },
        })
        .collect();
    if blockers.is_empty() { error } else { Error::Blocked(blockers) }
}
