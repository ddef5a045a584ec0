//! The association of a subnet with its route table.
//!
//! It has no tags. A subnet has at most one association, and the subnet determines its owner. AWS assigns a new id when
//! the association moves to another table.

use async_trait::async_trait;
use aws_sdk_ec2::types::{Filter, RouteTable, RouteTableAssociationStateCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::subnet::Subnet;
use infra_base::address::{RouteTableId, SubnetId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of an association.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.route_table_association",
    summary = "the association of a subnet with a route table",
    repeat = "setting",
    create_seconds = 1,
    delete_seconds = 1,
    reads("ec2:DescribeRouteTables"),
    creates("ec2:AssociateRouteTable"),
    updates("ec2:ReplaceRouteTableAssociation"),
    deletes("ec2:DisassociateRouteTable")
)]
pub struct RouteTableAssociation {
    /// The route table.
    pub route_table: Input<RouteTableId>,
    /// The subnet.
    #[immutable]
    #[unique]
    pub subnet: Input<SubnetId>,
}

/// What is known of an association.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct RouteTableAssociationAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "done", doc = "For resources that only depend on the association.")]
    pub association_id: String,
    /// The route table.
    pub route_table_id: RouteTableId,
    /// The subnet.
    pub subnet_id: SubnetId,
}

#[async_trait]
impl Resource for RouteTableAssociation {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&RouteTableAssociationAttrs>,
    ) -> Result<Observed<RouteTableAssociationAttrs>> {
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
        if known.is_none() && cx.is_new(subnet.as_str()) {
            return Ok(Observed::Absent);
        }
        let filter = Filter::builder().name("association.subnet-id").values(subnet).build();
        let pages = cx.aws.ec2.describe_route_tables().filters(filter).into_paginator().items().send();
        let tables = cx.read("ec2:DescribeRouteTables", pages.collect::<Result<Vec<_>, _>>()).await?;
        Ok(tables.iter().find_map(|table| association(table, subnet)).map_or(Observed::Absent, Observed::Ours))
    }

    fn parents(&self, attrs: Option<&RouteTableAssociationAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Subnet>("subnet_id", attrs.map(|attrs| &attrs.subnet_id), &self.subnet)
    }

    async fn ensure(
        &self,
        cx: &StepContext,
        seen: Option<RouteTableAssociationAttrs>,
    ) -> Result<RouteTableAssociationAttrs> {
        let (table, subnet) = (self.route_table.get()?, self.subnet.get()?);
        let association_id = match seen {
            Some(attrs) if attrs.route_table_id == *table => return Ok(attrs),
            Some(attrs) => {
                let call = || {
                    cx.aws
                        .ec2
                        .replace_route_table_association()
                        .association_id(&attrs.association_id)
                        .route_table_id(table)
                        .send()
                };
                let moved = cx.mutate("ec2:ReplaceRouteTableAssociation", call).await?;
                moved.new_association_id.ok_or(Error::MissingField {
                    call: "ec2:ReplaceRouteTableAssociation",
                    what: "the association id",
                })?
            }
            None => {
                let call = || cx.aws.ec2.associate_route_table().route_table_id(table).subnet_id(subnet).send();
                let created = match cx.mutate("ec2:AssociateRouteTable", call).await {
                    // It exists, but was not visible before.
                    Err(error) if error.is_code("Resource.AlreadyAssociated") => match self.observe(cx, None).await? {
                        Observed::Ours(attrs) => return self.ensure(cx, Some(attrs)).await,
                        _ => return Err(error),
                    },
                    other => other?,
                };
                created
                    .association_id
                    .ok_or(Error::MissingField { call: "ec2:AssociateRouteTable", what: "the association id" })?
            }
        };
        Ok(RouteTableAssociationAttrs { association_id, route_table_id: table.clone(), subnet_id: subnet.clone() })
    }

    async fn delete(&self, cx: &StepContext, attrs: &RouteTableAssociationAttrs) -> Result<()> {
        let call = || cx.aws.ec2.disassociate_route_table().association_id(&attrs.association_id).send();
        ignore_codes(cx.mutate("ec2:DisassociateRouteTable", call).await, &["InvalidAssociationID.NotFound"]).map(drop)
    }

    fn inputs_from_attrs(attrs: &RouteTableAssociationAttrs) -> Vec<(&'static str, Value)> {
        vec![("subnet", attrs.subnet_id.as_str().into())]
    }
}

/// Returns the association of a subnet with this table, unless AWS is deleting it.
fn association(table: &RouteTable, subnet: &SubnetId) -> Option<RouteTableAssociationAttrs> {
    let is_active = |association: &&aws_sdk_ec2::types::RouteTableAssociation| {
        use RouteTableAssociationStateCode::{Disassociated, Disassociating};
        !matches!(association.association_state().and_then(|state| state.state()), Some(Disassociating | Disassociated))
    };
    let of = table.associations().iter().filter(|association| association.subnet_id() == Some(subnet.as_str()));
    let mut active = of.filter(is_active);
    active.next().map(|association| RouteTableAssociationAttrs {
        association_id: association.route_table_association_id().unwrap_or_default().to_owned(),
        route_table_id: association.route_table_id().unwrap_or_default().into(),
        subnet_id: subnet.clone(),
    })
}
