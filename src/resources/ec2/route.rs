//! One route of a route table of ours.
//!
//! It carries no tags; its identity is the table and the destination. The table is ours, so a route made in it is, too. The
//! routes that AWS puts there itself (the local one, those of endpoints) are not made by `CreateRoute` and never taken for ours.

use async_trait::async_trait;
use aws_sdk_ec2::types::RouteOrigin;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::visible::once_visible;
use crate::address::{InternetGatewayId, NatGatewayId, RouteTableId, VpcPeeringConnectionId};
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};

const NO_TABLE: &str = "InvalidRouteTableID.NotFound";

/// Where a route leads to.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RouteTarget {
    /// To the internet, in both directions.
    InternetGateway(Input<InternetGatewayId>),
    /// To the internet, from inside only.
    NatGateway(Input<NatGatewayId>),
    /// To the VPC on the other side of a peering, which must be active.
    Peering(Input<VpcPeeringConnectionId>),
}

/// The target as the members of the call; one of them is set.
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
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Route {
    /// The table.
    pub route_table: Input<RouteTableId>,
    /// The IPv4 address range, in its canonical form.
    pub destination: String,
    /// Where it leads to.
    pub target: RouteTarget,
}

/// What is known of a route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteAttrs {
    /// The table.
    pub route_table_id: RouteTableId,
    /// The address range.
    pub destination: String,
    /// The id of what it leads to; empty when that is nothing this tool makes routes to.
    pub target_id: String,
}

impl Handle<Route> {
    /// The destination, known once the route is there: for what needs the way to exist and not a value.
    pub fn done(&self) -> Input<String> {
        self.ready("destination")
    }
}

#[async_trait]
impl Resource for Route {
    const KIND: &'static str = "ec2.route";
    const ABOUT: About = About {
        summary: "a route of a route table",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["ec2:DescribeRouteTables", "ec2:CreateRoute", "ec2:ReplaceRoute", "ec2:DeleteRoute"],
        creates: &["ec2:CreateRoute"],
        changes: &["ec2:ReplaceRoute"],
        deletes: &["ec2:DeleteRoute"],
        immutable: &["route_table", "destination"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["route_table", "destination"]],
        mentions: &["target"],
        ..About::PLAIN
    };
    type Attrs = RouteAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&RouteAttrs>) -> Result<Observed<RouteAttrs>> {
        let (table, destination) = match known {
            Some(attrs) => (&attrs.route_table_id, &attrs.destination),
            None => (self.route_table.get()?, &self.destination),
        };
        let Some(found) = super::route_table::table(cx, table).await? else { return Ok(Observed::Absent) };
        let mut routes = found.routes().iter();
        let Some(route) = routes.find(|route| route.destination_cidr_block() == Some(destination.as_str())) else {
            return Ok(Observed::Absent);
        };
        if route.origin() != Some(&RouteOrigin::CreateRoute) {
            return Ok(Observed::Foreign { id: format!("{table}/{destination}"), owner: "AWS".to_owned() });
        }
        let target_id = route.nat_gateway_id().or(route.gateway_id()).or(route.vpc_peering_connection_id()).unwrap_or_default().to_owned();
        Ok(Observed::Ours(RouteAttrs { route_table_id: table.clone(), destination: destination.clone(), target_id }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RouteAttrs>) -> Result<RouteAttrs> {
        let (table, target_id) = (self.route_table.get()?, self.target.id()?);
        let to = self.target.members()?;
        match seen {
            Some(attrs) if attrs.target_id == target_id => return Ok(attrs),
            Some(_) => {
                let call = || {
                    let call = cx.aws.ec2.replace_route().route_table_id(table).destination_cidr_block(&self.destination);
                    let call = call.set_gateway_id(to.gateway.clone()).set_nat_gateway_id(to.nat.clone());
                    call.set_vpc_peering_connection_id(to.peering.clone()).send()
                };
                once_visible(cx, || cx.mutate("ec2:ReplaceRoute", call)).await?;
            }
            None => {
                let call = || {
                    let call = cx.aws.ec2.create_route().route_table_id(table).destination_cidr_block(&self.destination);
                    let call = call.set_gateway_id(to.gateway.clone()).set_nat_gateway_id(to.nat.clone());
                    call.set_vpc_peering_connection_id(to.peering.clone()).send()
                };
                match once_visible(cx, || cx.mutate("ec2:CreateRoute", call)).await {
                    // There is one after all, which did not show before.
                    Err(error) if error.is_code("RouteAlreadyExists") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        _ => return Err(error),
                    },
                    other => other.map(drop)?,
                }
            }
        }
        Ok(RouteAttrs { route_table_id: table.clone(), destination: self.destination.clone(), target_id: target_id.to_owned() })
    }

    async fn delete(&self, cx: &Cx, attrs: &RouteAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_route().route_table_id(&attrs.route_table_id).destination_cidr_block(&attrs.destination).send();
        settled(cx.mutate("ec2:DeleteRoute", call).await, &["InvalidRoute.NotFound", NO_TABLE]).map(drop)
    }

    fn as_inputs(attrs: &RouteAttrs) -> Vec<(&'static str, Value)> {
        vec![("route_table", attrs.route_table_id.as_str().into())]
    }

    fn id(attrs: &RouteAttrs) -> String {
        format!("{}/{}", attrs.route_table_id, attrs.destination)
    }
}
