//! A route table. Its routes and its associations with subnets are resources of their own.

use async_trait::async_trait;
use aws_sdk_ec2::types::{ResourceType, RouteTable as Description};
use serde::{Deserialize, Serialize};

use super::find;
use super::tagging;
use infra_base::address::{Arn, RouteTableId, VpcId};
use infra_core::graph::Input;
use infra_core::resource::{Blocker, Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &str = "InvalidRouteTableID.NotFound";

/// The specification of a route table.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.route_table",
    summary = "a route table",
    repeat = "token",
    arns("ec2:route-table/"),
    create_seconds = 1,
    delete_seconds = 1,
    tagger = tagging::Ec2,
    delete_blockers = "its associations with subnets",
    reads("ec2:DescribeRouteTables"),
    creates("ec2:CreateRouteTable"),
    deletes("ec2:DeleteRouteTable"),
)]
pub struct RouteTable {
    /// Its VPC.
    #[immutable]
    #[scope]
    pub vpc: Input<VpcId>,
}

/// What is known of a route table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct RouteTableAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub route_table_id: RouteTableId,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
}

#[async_trait]
impl Resource for RouteTable {
    async fn observe(&self, cx: &StepContext, known: Option<&RouteTableAttrs>) -> Result<Observed<RouteTableAttrs>> {
        let attrs = |table: Description| RouteTableAttrs {
            route_table_id: table.route_table_id.unwrap_or_default().into(),
            vpc: table.vpc_id.map(Into::into),
        };
        find::observe(cx, known.map(|attrs| attrs.route_table_id.as_str()), attrs).await
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        find::exists::<aws_sdk_ec2::types::RouteTable>(cx, arn, "ec2:route-table/", |_| true).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<RouteTableAttrs>) -> Result<RouteTableAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let vpc = self.vpc.get()?;
        let (tags, token) = (tagging::specification(cx, ResourceType::RouteTable), &cx.identity.token);
        let call =
            || cx.aws.ec2.create_route_table().vpc_id(vpc).client_token(token).tag_specifications(tags.clone()).send();
        let created = cx.mutate("ec2:CreateRouteTable", call).await?;
        let id = created.route_table.and_then(|table| table.route_table_id);
        let id = id.ok_or(Error::MissingField { call: "ec2:CreateRouteTable", what: "the route table id" })?;
        Ok(RouteTableAttrs { route_table_id: id.into(), vpc: Some(vpc.clone()) })
    }

    async fn delete(&self, cx: &StepContext, attrs: &RouteTableAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_route_table().route_table_id(&attrs.route_table_id).send();
        // The associations of the stack are deleted by now; AWS can count them for a moment longer.
        let delete = cx
            .retry("its associations to be deleted", &["DependencyViolation"], 30, || {
                cx.mutate("ec2:DeleteRouteTable", call)
            })
            .await;
        match ignore_codes(delete, &[NOT_FOUND]) {
            Err(error) if error.is_code("DependencyViolation") => Err(name_associations(cx, attrs, error).await),
            other => other.map(drop),
        }
    }

    fn from_id(id: &str) -> Option<RouteTableAttrs> {
        Some(RouteTableAttrs { route_table_id: id.into(), vpc: None })
    }
}

/// Returns the table with this id.
pub(super) async fn table(cx: &StepContext, id: &RouteTableId) -> Result<Option<Description>> {
    Ok(find::find_by_id_or_tags(cx, Some(id.as_str())).await?.and_then(|found| found.into_iter().next()))
}

/// Replaces the error "has dependencies" by the foreign associations.
async fn name_associations(cx: &StepContext, attrs: &RouteTableAttrs, error: Error) -> Error {
    let call = cx.aws.ec2.describe_route_tables().route_table_ids(&attrs.route_table_id).send();
    let Ok(found) = cx.read("ec2:DescribeRouteTables", call).await else { return error };
    let associations = found.route_tables().iter().flat_map(Description::associations);
    let blockers: Vec<Blocker> = associations
        .map(|association| Blocker {
            id: association.route_table_association_id().unwrap_or("an association").to_owned(),
            what: match association.subnet_id() {
                Some(subnet) => format!("the association with {subnet}"),
                None if association.main() == Some(true) => {
                    "the association as the main route table of the VPC".to_owned()
                }
                None => "an association with a gateway".to_owned(),
            },
        })
        .collect();
    if blockers.is_empty() { error } else { Error::Blocked(blockers) }
}
