//! One route of a route table of the stack.
//!
//! It has no tags. Its identity is the table and the destination, and the table determines its owner. Routes that AWS
//! creates itself (the local one, those of endpoints) do not come from `CreateRoute` and are never managed.

use async_trait::async_trait;
use aws_sdk_ec2::types::RouteOrigin;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::route_table::RouteTable;
use infra_base::address::{InternetGatewayId, NatGatewayId, RouteTableId, VpcPeeringConnectionId};
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NO_TABLE: &str = "InvalidRouteTableID.NotFound";

/// The target of a route.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// An internet gateway: traffic in both directions.
    InternetGateway(Input<InternetGatewayId>),
    /// A NAT gateway: connections from inside only.
    NatGateway(Input<NatGatewayId>),
    /// The VPC on the other side of an active peering.
    Peering(Input<VpcPeeringConnectionId>),
}

/// The target as the members of the call. One of them is set.
#[derive(Clone, Default)]
struct Members {
    gateway: Option<String>,
    nat: Option<String>,
    peering: Option<String>,
}

impl RouteTarget {
    fn id(&self) -> Result<&str> {
        Ok(match self {
            Self::InternetGateway(id) => id.get()?.as_str(),
            Self::NatGateway(id) => id.get()?.as_str(),
            Self::Peering(id) => id.get()?.as_str(),
        })
    }

    fn members(&self) -> Result<Members> {
        let id = Some(self.id()?.to_owned());
        Ok(match self {
            Self::InternetGateway(_) => Members { gateway: id, ..Members::default() },
            Self::NatGateway(_) => Members { nat: id, ..Members::default() },
            Self::Peering(_) => Members { peering: id, ..Members::default() },
        })
    }
}

/// The specification of a route.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.route",
    summary = "a route of a route table",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads("ec2:DescribeRouteTables"),
    creates("ec2:CreateRoute"),
    updates("ec2:ReplaceRoute"),
    deletes("ec2:DeleteRoute")
)]
pub struct Route {
    /// The table.
    #[immutable]
    #[unique]
    pub route_table: Input<RouteTableId>,
    /// The IPv4 address range, in its canonical form.
    #[immutable]
    #[unique]
    pub destination: String,
    /// Its target.
    #[weak_ref]
    pub target: RouteTarget,
}

/// What is known of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id = "{route_table_id}/{destination}")]
pub struct RouteAttrs {
    /// The table.
    pub route_table_id: RouteTableId,
    /// The address range.
    #[output(
        ready,
        name = "done",
        doc = "The destination, once the route exists: for resources that only depend on the route."
    )]
    pub destination: String,
    /// The id of its target; empty when this tool never creates such a route.
    pub target_id: String,
}

#[async_trait]
impl Resource for Route {
    async fn observe(&self, cx: &StepContext, known: Option<&RouteAttrs>) -> Result<Observed<RouteAttrs>> {
        let (table, destination) = match known {
            Some(attrs) => (&attrs.route_table_id, &attrs.destination),
            None => (self.route_table.get()?, &self.destination),
        };
        if known.is_none() && cx.is_new(table.as_str()) {
            return Ok(Observed::Absent);
        }
        let Some(found) = super::route_table::table(cx, table).await? else { return Ok(Observed::Absent) };
        let mut routes = found.routes().iter();
        let Some(route) = routes.find(|route| route.destination_cidr_block() == Some(destination.as_str())) else {
            return Ok(Observed::Absent);
        };
        if route.origin() != Some(&RouteOrigin::CreateRoute) {
            return Ok(Observed::Foreign { id: format!("{table}/{destination}"), owner: "AWS".into() });
        }
        let target_id = route
            .nat_gateway_id()
            .or(route.gateway_id())
            .or(route.vpc_peering_connection_id())
            .unwrap_or_default()
            .to_owned();
        Ok(Observed::Ours(RouteAttrs { route_table_id: table.clone(), destination: destination.clone(), target_id }))
    }

    fn parents(&self, attrs: Option<&RouteAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<RouteTable>("route_table_id", attrs.map(|attrs| &attrs.route_table_id), &self.route_table)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<RouteAttrs>) -> Result<RouteAttrs> {
        let (table, target_id) = (self.route_table.get()?, self.target.id()?);
        let to = self.target.members()?;
        match seen {
            Some(attrs) if attrs.target_id == target_id => return Ok(attrs),
            Some(_) => {
                let call = || {
                    let call =
                        cx.aws.ec2.replace_route().route_table_id(table).destination_cidr_block(&self.destination);
                    let call = call.set_gateway_id(to.gateway.clone()).set_nat_gateway_id(to.nat.clone());
                    call.set_vpc_peering_connection_id(to.peering.clone()).send()
                };
                cx.mutate("ec2:ReplaceRoute", call).await?;
            }
            None => {
                let call = || {
                    let call =
                        cx.aws.ec2.create_route().route_table_id(table).destination_cidr_block(&self.destination);
                    let call = call.set_gateway_id(to.gateway.clone()).set_nat_gateway_id(to.nat.clone());
                    call.set_vpc_peering_connection_id(to.peering.clone()).send()
                };
                match cx.mutate("ec2:CreateRoute", call).await {
                    // It exists, but was not visible before.
                    Err(error) if error.is_code("RouteAlreadyExists") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        _ => return Err(error),
                    },
                    other => other.map(drop)?,
                }
            }
        }
        Ok(RouteAttrs {
            route_table_id: table.clone(),
            destination: self.destination.clone(),
            target_id: target_id.to_owned(),
        })
    }

    async fn delete(&self, cx: &StepContext, attrs: &RouteAttrs) -> Result<()> {
        let call = || {
            cx.aws
                .ec2
                .delete_route()
                .route_table_id(&attrs.route_table_id)
                .destination_cidr_block(&attrs.destination)
                .send()
        };
        ignore_codes(cx.mutate("ec2:DeleteRoute", call).await, &["InvalidRoute.NotFound", NO_TABLE]).map(drop)
    }

    fn inputs_from_attrs(attrs: &RouteAttrs) -> Vec<(&'static str, Value)> {
        vec![("route_table", attrs.route_table_id.as_str().into())]
    }
}
