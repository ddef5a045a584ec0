//! The association of a subnet with its route table.
//!
//! It carries no tags. A subnet has at most one association, and the subnet is ours, so the association is. AWS gives it a new
//! id when it is moved to another table.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, RouteTable, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::visible::once_visible;
use crate::address::{RouteTableId, SubnetId};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of an association.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct RouteTableAssociation {
    /// The route table.
    pub route_table: Input<RouteTableId>,
    /// The subnet.
    pub subnet: Input<SubnetId>,
}

/// What is known of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteTableAssociationAttrs {
    /// Its id.
    pub association_id: String,
    /// The route table.
    pub route_table_id: RouteTableId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

impl Handle<RouteTableAssociation> {
    /// For resources that wait for the association without using its id.
    pub fn done(&self) -> Input<String> {
        self.created("association_id")
    }
}

#[async_trait]
impl Resource for RouteTableAssociation {
    const KIND: &'static str = "ec2.route_table_association";
    const ABOUT: About = About {
        summary: "the association of a subnet with a route table",
        create_seconds: 1,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &["ec2:DescribeRouteTables", "ec2:AssociateRouteTable", "ec2:ReplaceRouteTableAssociation", "ec2:DisassociateRouteTable"],
        creates: &["ec2:AssociateRouteTable"],
        changes: &["ec2:ReplaceRouteTableAssociation"],
        deletes: &["ec2:DisassociateRouteTable"],
        immutable: &["subnet"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["subnet"]],
        ..About::PLAIN
    };
    type Attrs = RouteTableAssociationAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&RouteTableAssociationAttrs>) -> Result<Observed<RouteTableAssociationAttrs>> {
        let subnet = match known {
            Some(attrs) => &attrs.subnet_id,
            None => self.subnet.get()?,
        };
        if let Some(known) = known
            && let Some(table) = super::route_table::table(cx, &known.route_table_id).await?
            && let Some(attrs) = association(&table, subnet)
        {
            return Ok(Observed::Ours(attrs));
        }
        let filter = Filter::builder().name("association.subnet-id").values(subnet).build();
        let pages = cx.aws.ec2.describe_route_tables().filters(filter).into_paginator().items().send();
        let tables = cx.read("ec2:DescribeRouteTables", pages.collect::<Result<Vec<_>, _>>()).await?;
        Ok(tables.iter().find_map(|table| association(table, subnet)).map_or(Observed::Absent, Observed::Ours))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<RouteTableAssociationAttrs>) -> Result<RouteTableAssociationAttrs> {
        let (table, subnet) = (self.route_table.get()?, self.subnet.get()?);
        let association_id = match seen {
            Some(attrs) if attrs.route_table_id == *table => return Ok(attrs),
            Some(attrs) => {
                let call = || cx.aws.ec2.replace_route_table_association().association_id(&attrs.association_id).route_table_id(table).send();
                let moved = once_visible(cx, || cx.mutate("ec2:ReplaceRouteTableAssociation", call)).await?;
                moved.new_association_id.ok_or(Error::Incomplete { call: "ec2:ReplaceRouteTableAssociation", what: "the association id" })?
            }
            None => {
                let call = || cx.aws.ec2.associate_route_table().route_table_id(table).subnet_id(subnet).send();
                let made = match once_visible(cx, || cx.mutate("ec2:AssociateRouteTable", call)).await {
                    // There is one after all, which did not show before.
                    Err(error) if error.is_code("Resource.AlreadyAssociated") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        _ => return Err(error),
                    },
                    other => other?,
                };
                made.association_id.ok_or(Error::Incomplete { call: "ec2:AssociateRouteTable", what: "the association id" })?
            }
        };
        Ok(RouteTableAssociationAttrs { association_id, route_table_id: table.clone(), subnet_id: subnet.clone() })
    }

    async fn delete(&self, cx: &Cx, attrs: &RouteTableAssociationAttrs) -> Result<()> {
        let call = || cx.aws.ec2.disassociate_route_table().association_id(&attrs.association_id).send();
        settled(cx.mutate("ec2:DisassociateRouteTable", call).await, &["InvalidAssociationID.NotFound"]).map(drop)
    }

    fn as_inputs(attrs: &RouteTableAssociationAttrs) -> Vec<(&'static str, Value)> {
        vec![("subnet", attrs.subnet_id.as_str().into())]
    }

    fn id(attrs: &RouteTableAssociationAttrs) -> String {
        attrs.association_id.clone()
    }
}

/// The association of a subnet with this table, unless it is on its way out.
fn association(table: &RouteTable, subnet: &SubnetId) -> Option<RouteTableAssociationAttrs> {
    let stands = |association: &&aws_sdk_ec2::types::RouteTableAssociation| {
        use RouteTableAssociationStateCode::{Disassociated, Disassociating};
        !matches!(association.association_state().and_then(|state| state.state()), Some(Disassociating | Disassociated))
    };
    let of = table.associations().iter().filter(|association| association.subnet_id() == Some(subnet.as_str()));
    let mut standing = of.filter(stands);
    standing.next().map(|association| RouteTableAssociationAttrs {
        association_id: association.route_table_association_id().unwrap_or_default().to_owned(),
        route_table_id: association.route_table_id().unwrap_or_default().into(),
        subnet_id: subnet.clone(),
    })
}
