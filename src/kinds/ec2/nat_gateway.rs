//! A NAT gateway with a public address, through which private subnets reach the internet.
//!
//! It cannot be changed. AWS shows a deleted one for about an hour with its tags, so its state decides whether it
//! exists. A gateway that AWS could not create has the state `failed`, uses no address and disappears by itself. It
//! counts as absent: the next `up` creates a new one.

use async_trait::async_trait;
use aws_sdk_ec2::types::{self as sdk, NatGatewayState, ResourceType};
use serde::{Deserialize, Serialize};

use super::find::{self, classify, find_by_id_or_tags};
use super::tagging;
use infra_aws::{Progress, Wait};
use infra_base::address::{AllocationId, Arn, InternetGatewayId, NatGatewayId, SubnetId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, Spec as _, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

const NOT_FOUND: &str = "NatGatewayNotFound";

/// The specification of a NAT gateway.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.nat_gateway",
    summary = "a NAT gateway with a public address",
    repeat = "token",
    arns("ec2:natgateway/"),
    create_seconds = 2,
    ready_seconds = 105,
    delete_seconds = 60,
    tagger = tagging::Ec2,
    reads("ec2:DescribeNatGateways"),
    creates("ec2:CreateNatGateway"),
    deletes("ec2:DeleteNatGateway"),
)]
pub struct NatGateway {
    /// Its public subnet.
    #[immutable]
    pub subnet: Input<SubnetId>,
    /// The allocation of its public address.
    #[immutable]
    #[unique]
    pub allocation: Input<AllocationId>,
    /// The internet gateway of its VPC. It only sets the order: without an attached gateway a NAT gateway fails.
    pub internet_gateway: Input<InternetGatewayId>,
}

/// What is known of a NAT gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct NatGatewayAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    #[output(ready, name = "usable", doc = "The gateway's id, once it forwards traffic.")]
    pub nat_gateway_id: NatGatewayId,
    /// The subnet, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subnet: Option<SubnetId>,
    /// The allocation of its public address, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allocation: Option<AllocationId>,
}

#[async_trait]
impl Resource for NatGateway {
    async fn observe(&self, cx: &StepContext, known: Option<&NatGatewayAttrs>) -> Result<Observed<NatGatewayAttrs>> {
        let id = known.map(|attrs| attrs.nat_gateway_id.as_str());
        let Some(found) = find_by_id_or_tags::<sdk::NatGateway>(cx, id).await? else { return Ok(Observed::Absent) };
        let mut existing = Vec::new();
        for gateway in found {
            match gateway.state() {
                Some(NatGatewayState::Deleted | NatGatewayState::Failed) => {}
                // An earlier run began to delete it. It keeps its address until the deletion ends.
                Some(NatGatewayState::Deleting) => {
                    wait_deleted(cx, &gateway.nat_gateway_id.unwrap_or_default().into()).await?;
                }
                _ => existing.push(gateway),
            }
        }
        let attrs = |gateway: sdk::NatGateway| NatGatewayAttrs {
            allocation: gateway
                .nat_gateway_addresses()
                .first()
                .and_then(|address| address.allocation_id())
                .map(Into::into),
            nat_gateway_id: gateway.nat_gateway_id.unwrap_or_default().into(),
            subnet: gateway.subnet_id.map(Into::into),
        };
        classify(cx, existing, attrs)
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        // AWS lists a deleted one for about an hour ("Delete a NAT gateway", VPC User Guide).
        let exists = |gateway: &aws_sdk_ec2::types::NatGateway| gateway.state() != Some(&NatGatewayState::Deleted);
        find::exists(cx, arn, "ec2:natgateway/", exists).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<NatGatewayAttrs>) -> Result<NatGatewayAttrs> {
        if let Some(attrs) = seen {
            return Ok(attrs);
        }
        let (subnet, allocation) = (self.subnet.get()?, self.allocation.get()?);
        let (tags, token) = (tagging::specification(cx, ResourceType::Natgateway), &cx.identity.token);
        let call = || {
            let call = cx.aws.ec2.create_nat_gateway().subnet_id(subnet).allocation_id(allocation);
            call.client_token(token).tag_specifications(tags.clone()).send()
        };
        let created = cx.mutate("ec2:CreateNatGateway", call).await?;
        let id = created.nat_gateway.and_then(|gateway| gateway.nat_gateway_id);
        let id = id.ok_or(Error::MissingField { call: "ec2:CreateNatGateway", what: "the NAT gateway id" })?;
        Ok(NatGatewayAttrs {
            nat_gateway_id: id.into(),
            subnet: Some(subnet.clone()),
            allocation: Some(allocation.clone()),
        })
    }

    async fn ready(&self, cx: &StepContext, attrs: NatGatewayAttrs) -> Result<NatGatewayAttrs> {
        let id = &attrs.nat_gateway_id;
        let wait = Wait::new(format!("NAT gateway {id} to become available"), 5, 10 * 60)
            .typically("ec2:CreateNatGateway", Self::SCHEMA.ready_seconds);
        cx.wait(wait, || async {
            let Some(gateway) = describe(cx, id).await? else {
                return Ok(Progress::Pending("not visible yet".to_owned()));
            };
            Ok(match gateway.state() {
                Some(NatGatewayState::Available) => Progress::Reached(()),
                Some(state @ (NatGatewayState::Failed | NatGatewayState::Deleting | NatGatewayState::Deleted)) => {
                    let reason = [gateway.failure_code(), gateway.failure_message()]
                        .into_iter()
                        .flatten()
                        .collect::<Vec<_>>()
                        .join(": ");
                    Progress::Failed {
                        status: state.as_str().to_owned(),
                        reason: Some(reason).filter(|reason| !reason.is_empty()),
                    }
                }
                state => Progress::Pending(state.map_or("unknown", NatGatewayState::as_str).to_owned()),
            })
        })
        .await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &NatGatewayAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_nat_gateway().nat_gateway_id(&attrs.nat_gateway_id).send();
        match ignore_codes(cx.mutate("ec2:DeleteNatGateway", call).await, &[NOT_FOUND])? {
            Some(_) => wait_deleted(cx, &attrs.nat_gateway_id).await,
            None => Ok(()),
        }
    }

    fn from_id(id: &str) -> Option<NatGatewayAttrs> {
        Some(NatGatewayAttrs { nat_gateway_id: id.into(), subnet: None, allocation: None })
    }
}

async fn describe(cx: &StepContext, id: &NatGatewayId) -> Result<Option<sdk::NatGateway>> {
    let call = cx.aws.ec2.describe_nat_gateways().nat_gateway_ids(id).send();
    let found = ignore_codes(cx.read("ec2:DescribeNatGateways", call).await, &[NOT_FOUND])?;
    Ok(found.and_then(|found| found.nat_gateways?.into_iter().next()))
}

/// Waits until the gateway has released its address and its network interface.
async fn wait_deleted(cx: &StepContext, id: &NatGatewayId) -> Result<()> {
    let wait = Wait::new(format!("NAT gateway {id} to be deleted"), 5, 15 * 60)
        .typically("ec2:DeleteNatGateway", NatGateway::SCHEMA.delete_seconds);
    cx.wait(wait, || async {
        let gateway = describe(cx, id).await?;
        Ok(match gateway.as_ref().map(|gateway| gateway.state()) {
            None | Some(Some(NatGatewayState::Deleted)) => Progress::Reached(()),
            Some(state) => Progress::Pending(state.map_or("unknown", NatGatewayState::as_str).to_owned()),
        })
    })
    .await
}
