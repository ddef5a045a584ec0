//! An internet gateway, made and attached to a VPC.
//!
//! It has no name, so it is found by its tags. A VPC has at most one.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttachmentStatus, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blockers::{Used, delete_when_free};
use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{InternetGatewayId, VpcId};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of an internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    pub vpc: Input<VpcId>,
}

/// What is known of an internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InternetGatewayAttrs {
    /// Its id.
    pub internet_gateway_id: InternetGatewayId,
    /// The VPC that it is attached to, once it is.
    pub vpc_id: Option<VpcId>,
}

impl Handle<InternetGateway> {
    /// The gateway's id, known when it is attached.
    pub fn id(&self) -> Input<InternetGatewayId> {
        self.created("internet_gateway_id")
    }
}

#[async_trait]
impl Resource for InternetGateway {
    const KIND: &'static str = "ec2.internet_gateway";
    const ABOUT: About = About {
        summary: "an internet gateway, attached to a VPC",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 20,
        operations: &[
            "ec2:CreateInternetGateway",
            "ec2:DescribeInternetGateways",
            "ec2:AttachInternetGateway",
            "ec2:DetachInternetGateway",
            "ec2:DeleteInternetGateway",
            "ec2:DescribeNetworkInterfaces",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateInternetGateway", "ec2:AttachInternetGateway"],
        deletes: &["ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"],
        changes: &["ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc"],
        tagged: true,
        blocked_by: "public addresses that are still mapped in its VPC: those of NAT gateways and of load balancers",
        unique: &[&["vpc"]],
        ..About::PLAIN
    };
    type Attrs = InternetGatewayAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&InternetGatewayAttrs>) -> Result<Observed<InternetGatewayAttrs>> {
        let id = known.map(|attrs| attrs.internet_gateway_id.as_str());
        let describe = |ids, filters| {
            cx.aws
                .ec2
                .describe_internet_gateways()
                .set_internet_gateway_ids(ids)
                .set_filters(filters)
                .into_paginator()
                .items()
                .send()
                .collect::<Result<Vec<_>, _>>()
        };
        let found = seek(
            cx,
            "ec2:DescribeInternetGateways",
            id,
            aws_sdk_ec2::types::InternetGateway::internet_gateway_id,
            &["InvalidInternetGatewayID.NotFound"],
            describe,
        )
        .await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let attrs = |gateway: aws_sdk_ec2::types::InternetGateway| InternetGatewayAttrs {
            vpc_id: attached_to(&gateway).map(Into::into),
            internet_gateway_id: gateway.internet_gateway_id.unwrap_or_default().into(),
        };
        tagging::judge(cx, found, |gateway| gateway.tags(), |gateway| gateway.internet_gateway_id().unwrap_or_default().to_owned(), attrs)
    }

    async fn ensure(&self, cx: &Cx, seen: Option<InternetGatewayAttrs>) -> Result<InternetGatewayAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let vpc = self.vpc.get()?;
        match &attrs.vpc_id {
            Some(attached) if attached == vpc => {}
            Some(other) => {
                let id = &attrs.internet_gateway_id;
                return Err(Error::Refused(format!("{id} is attached to {other} instead of {vpc}; detach it there and run the same command again")));
            }
            None => {
                let call = || cx.aws.ec2.attach_internet_gateway().internet_gateway_id(&attrs.internet_gateway_id).vpc_id(vpc).send();
                match once_visible(cx, || cx.mutate("ec2:AttachInternetGateway", call)).await {
                    // What was read before may have been out of date.
                    Err(error) if error.is_code("Resource.AlreadyAssociated") && self.is_attached(cx, &attrs.internet_gateway_id).await? => {}
                    other => other.map(drop)?,
                }
                attrs.vpc_id = Some(vpc.clone());
            }
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &InternetGatewayAttrs) -> Result<()> {
        const GONE: &str = "InvalidInternetGatewayID.NotFound";
        let id = &attrs.internet_gateway_id;
        if let Some(vpc) = &attrs.vpc_id {
            let detach = || cx.aws.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send();
            delete_when_free(cx, Used::InternetGatewayOf(vpc), || async {
                settled(cx.mutate("ec2:DetachInternetGateway", detach).await, &["Gateway.NotAttached", GONE]).map(drop)
            })
            .await?;
        }
        let delete = || cx.aws.ec2.delete_internet_gateway().internet_gateway_id(id).send();
        let gone = cx.retry("the gateway to be detached", &["DependencyViolation"], 60, || cx.mutate("ec2:DeleteInternetGateway", delete)).await;
        settled(gone, &[GONE]).map(drop)
    }

    async fn retag(&self, cx: &Cx, attrs: &InternetGatewayAttrs) -> Result<()> {
        tagging::retag(cx, attrs.internet_gateway_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<InternetGatewayAttrs> {
        Some(InternetGatewayAttrs { internet_gateway_id: id.into(), vpc_id: None })
    }

    fn as_inputs(attrs: &InternetGatewayAttrs) -> Vec<(&'static str, Value)> {
        attrs.vpc_id.iter().map(|vpc| ("vpc", vpc.as_str().into())).collect()
    }

    fn id(attrs: &InternetGatewayAttrs) -> String {
        attrs.internet_gateway_id.0.clone()
    }
}

impl InternetGateway {
    async fn create(&self, cx: &Cx) -> Result<InternetGatewayAttrs> {
        let tags = tagging::specification(cx, ResourceType::InternetGateway);
        let call = || cx.aws.ec2.create_internet_gateway().tag_specifications(tags.clone()).send();
        let made = cx.mutate("ec2:CreateInternetGateway", call).await?;
        let id = made.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        let id = id.ok_or(Error::Incomplete { call: "ec2:CreateInternetGateway", what: "the internet gateway id" })?;
        Ok(InternetGatewayAttrs { internet_gateway_id: id.into(), vpc_id: None })
    }

    /// Returns whether the gateway is attached to our VPC.
    async fn is_attached(&self, cx: &Cx, id: &InternetGatewayId) -> Result<bool> {
        let vpc = self.vpc.get()?;
        let found = cx.read("ec2:DescribeInternetGateways", cx.aws.ec2.describe_internet_gateways().internet_gateway_ids(id).send()).await?;
        Ok(found.internet_gateways().iter().any(|gateway| attached_to(gateway) == Some(vpc.as_str())))
    }
}

fn attached_to(gateway: &aws_sdk_ec2::types::InternetGateway) -> Option<&str> {
    let leaving = |state: &AttachmentStatus| matches!(state, AttachmentStatus::Detaching | AttachmentStatus::Detached);
    let attachment = gateway.attachments().iter().find(|attachment| !attachment.state().is_some_and(leaving));
    attachment.and_then(|attachment| attachment.vpc_id())
}
