//! A NAT gateway with a public address, through which private subnets reach the internet.
//!
//! Nothing of it can be changed. AWS shows a deleted one for about an hour, tags and all, so its state decides whether it
//! exists. A gateway that could not be made goes into the state `failed`, holds nothing, and vanishes by itself, so it counts as
//! absent: the next `up` makes a new one.

use async_trait::async_trait;
use aws_sdk_ec2::types::{NatGatewayState, ResourceType};
use serde::{Deserialize, Serialize};

use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{AllocationId, InternetGatewayId, NatGatewayId, SubnetId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

const NOT_FOUND: &str = "NatGatewayNotFound";

/// The specification of a NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NatGateway {
    /// The public subnet that it is in.
    pub subnet: Input<SubnetId>,
    /// The allocation of its public address.
    pub allocation: Input<AllocationId>,
    /// The internet gateway of its VPC. It is not sent to AWS; but without one that is attached a NAT gateway fails.
    pub internet_gateway: Input<InternetGatewayId>,
}

/// What is known of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NatGatewayAttrs {
    /// Its id.
    pub nat_gateway_id: NatGatewayId,
    /// The subnet, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubnetId>,
    /// The allocation of its public address, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<AllocationId>,
}

impl Handle<NatGateway> {
    /// The gateway's id, known while it is still being made.
    pub fn id(&self) -> Input<NatGatewayId> {
        self.created("nat_gateway_id")
    }

    /// The gateway's id, known once traffic can go through it.
    pub fn usable(&self) -> Input<NatGatewayId> {
        self.ready("nat_gateway_id")
    }
}

#[async_trait]
impl Resource for NatGateway {
    const KIND: &'static str = "ec2.nat_gateway";
    const ABOUT: About = About {
        summary: "a NAT gateway with a public address",
        create_seconds: 2,
        ready_seconds: 105,
        delete_seconds: 60,
        operations: &["ec2:CreateNatGateway", "ec2:DescribeNatGateways", "ec2:DeleteNatGateway", "ec2:CreateTags", "ec2:DeleteTags"],
        creates: &["ec2:CreateNatGateway"],
        deletes: &["ec2:DeleteNatGateway"],
        changes: &["ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["subnet", "allocation"],
        tagged: true,
        blocked_by: "nothing",
        unique: &[&["allocation"]],
        ..About::PLAIN
    };
    type Attrs = NatGatewayAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&NatGatewayAttrs>) -> Result<Observed<NatGatewayAttrs>> {
        let id = known.map(|attrs| attrs.nat_gateway_id.as_str());
        let describe = |ids, filters| {
            cx.aws
                .ec2
                .describe_nat_gateways()
                .set_nat_gateway_ids(ids)
                .set_filter(filters)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>()
        };
        let found = seek(cx, "ec2:DescribeNatGateways", id, aws_sdk_ec2::types::NatGateway::nat_gateway_id, &[NOT_FOUND], describe).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let mut living = Vec::new();
        for gateway in found {
            match gateway.state() {
                Some(NatGatewayState::Deleted | NatGatewayState::Failed) => {}
                // An earlier run began to delete it. It has its address until it is gone.
                Some(NatGatewayState::Deleting) => wait_deleted(cx, &gateway.nat_gateway_id.unwrap_or_default().into()).await?,
                _ => living.push(gateway),
            }
        }
        let attrs = |gateway: aws_sdk_ec2::types::NatGateway| NatGatewayAttrs {
            allocation: gateway.nat_gateway_addresses().first().and_then(|address| address.allocation_id()).map(Into::into),
            nat_gateway_id: gateway.nat_gateway_id.unwrap_or_default().into(),
            subnet: gateway.subnet_id.map(Into::into),
        };
        tagging::judge(cx, living, |gateway| gateway.tags(), |gateway| gateway.nat_gateway_id().unwrap_or_default().to_owned(), attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<NatGatewayAttrs>) -> Result<NatGatewayAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let (subnet, allocation) = (self.subnet.get()?, self.allocation.get()?);
        let (tags, token) = (tagging::specification(cx, ResourceType::Natgateway), &cx.identity.token);
        let call = || {
            let call = cx.aws.ec2.create_nat_gateway().subnet_id(subnet).allocation_id(allocation);
            call.client_token(token).tag_specifications(tags.clone()).send()
        };
        let made = once_visible(cx, || cx.mutate("ec2:CreateNatGateway", call)).await?;
        let id = made.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        let id = id.ok_or(Error::Incomplete { call: "ec2:CreateNatGateway", what: "the NAT gateway id" })?;
        Ok(NatGatewayAttrs { nat_gateway_id: id.into(), subnet: Some(subnet.clone()), allocation: Some(allocation.clone()) })
    }

    async fn ready(&self, cx: &Cx, attrs: NatGatewayAttrs) -> Result<NatGatewayAttrs> {
        let id = &attrs.nat_gateway_id;
        cx.wait(Wait::new(format!("NAT gateway {id} to become available"), 5, 10 * 60), || async {
            let Some(gateway) = look(cx, id).await? else { return Ok(Progress::Pending("not visible yet".to_owned())) };
            Ok(match gateway.state() {
                Some(NatGatewayState::Available) => Progress::Reached(()),
                Some(state @ (NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted)) => {
                    let reason = [gateway.failure_code(), gateway.failure_message()].into_iter().flatten().collect::<Vec<_>>().join(": ");
                    Progress::Failed { status: state.as_str().to_owned(), reason: Some(reason).filter(|reason| !reason.is_empty()) }
                }
                state => Progress::Pending(state.map_or("unknown", NatGatewayState::as_str).to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &NatGatewayAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_nat_gateway().nat_gateway_id(&attrs.nat_gateway_id).send();
        match settled(cx.mutate("ec2:DeleteNatGateway", call).await, &[NOT_FOUND])? {
            Some(_) => wait_deleted(cx, &attrs.nat_gateway_id).await,
            None => Ok(()),
        }
    }

    async fn retag(&self, cx: &Cx, attrs: &NatGatewayAttrs) -> Result<()> {
        tagging::retag(cx, attrs.nat_gateway_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<NatGatewayAttrs> {
        Some(NatGatewayAttrs { nat_gateway_id: id.into(), subnet: None, allocation: None })
    }

    fn id(attrs: &NatGatewayAttrs) -> String {
        attrs.nat_gateway_id.0.clone()
    }
}

async fn look(cx: &Cx, id: &NatGatewayId) -> Result<Option<aws_sdk_ec2::types::NatGateway>> {
    let call = cx.aws.ec2.describe_nat_gateways().nat_gateway_ids(id).send();
    let found = settled(cx.read("ec2:DescribeNatGateways", call).await, &[NOT_FOUND])?;
    Ok(found.and_then(|found| found.nat_gateways?.into_iter().next()))
}

/// Waits until the gateway has given back its address and its network interface.
async fn wait_deleted(cx: &Cx, id: &NatGatewayId) -> Result<()> {
    cx.wait(Wait::new(format!("NAT gateway {id} to be deleted"), 5, 15 * 60), || async {
        let gateway = look(cx, id).await?;
        Ok(match gateway.as_ref().map(|gateway| gateway.state()) {
            None | Some(Some(NatGatewayState::Deleted)) => Progress::Reached(()),
            Some(state) => Progress::Pending(state.map_or("unknown", NatGatewayState::as_str).to_owned()),
        })
    })
    .await
}
