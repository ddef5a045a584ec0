//! An internet gateway that is attached to a VPC.
//!
//! It has no name, so it is found by its tags. A VPC has at most one.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttachmentStatus, ResourceType};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::blockers::{Target, delete_when_free};
use super::find;
use super::tagging;
use infra_base::address::{Arn, InternetGatewayId, VpcId};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of an internet gateway.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.internet_gateway",
    summary = "an internet gateway, attached to a VPC",
    repeat = "tags",
    arns("ec2:internet-gateway/"),
    create_seconds = 2,
    delete_seconds = 20,
    tagger = tagging::Ec2,
    delete_blockers = "public addresses in its VPC: those of NAT gateways and of load balancers",
    reads(
        "ec2:DescribeInternetGateways",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeNatGateways",
        "ec2:DescribeVpcEndpoints",
    ),
    creates("ec2:CreateInternetGateway", "ec2:AttachInternetGateway"),
    deletes("ec2:DetachInternetGateway", "ec2:DeleteInternetGateway"),
)]
pub struct InternetGateway {
    /// The VPC that it is attached to.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
}

/// What is known of an internet gateway.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct InternetGatewayAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub internet_gateway_id: InternetGatewayId,
    /// The VPC that it is attached to, once it is.
    pub vpc_id: Option<VpcId>,
}

#[async_trait]
impl Resource for InternetGateway {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&InternetGatewayAttrs>,
    ) -> Result<Observed<InternetGatewayAttrs>> {
        let attrs = |gateway: aws_sdk_ec2::types::InternetGateway| InternetGatewayAttrs {
            vpc_id: attached_to(&gateway).map(Into::into),
            internet_gateway_id: gateway.internet_gateway_id.unwrap_or_default().into(),
        };
        find::observe(cx, known.map(|attrs| attrs.internet_gateway_id.as_str()), attrs).await
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        find::exists::<aws_sdk_ec2::types::InternetGateway>(cx, arn, "ec2:internet-gateway/", |_| true).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<InternetGatewayAttrs>) -> Result<InternetGatewayAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        let vpc = self.vpc.get()?;
        match &attrs.vpc_id {
            Some(attached) if attached == vpc => {}
            Some(other) => {
                let id = &attrs.internet_gateway_id;
                return Err(Error::Refused(format!(
                    "{id} is attached to {other} instead of {vpc}; detach it there and run the same command again"
                )));
            }
            None => {
                let call = || {
                    cx.aws
                        .ec2
                        .attach_internet_gateway()
                        .internet_gateway_id(&attrs.internet_gateway_id)
                        .vpc_id(vpc)
                        .send()
                };
                match cx.mutate("ec2:AttachInternetGateway", call).await {
                    // The earlier read may have been out of date.
                    Err(error)
                        if error.is_code("Resource.AlreadyAssociated")
                            && self.is_attached(cx, &attrs.internet_gateway_id).await? => {}
                    other => other.map(drop)?,
                }
                attrs.vpc_id = Some(vpc.clone());
            }
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &InternetGatewayAttrs) -> Result<()> {
        const NOT_FOUND: &str = "InvalidInternetGatewayID.NotFound";
        let id = &attrs.internet_gateway_id;
        if let Some(vpc) = &attrs.vpc_id {
            let detach = || cx.aws.ec2.detach_internet_gateway().internet_gateway_id(id).vpc_id(vpc).send();
            delete_when_free(cx, Target::InternetGatewayOf(vpc), || async {
                ignore_codes(cx.mutate("ec2:DetachInternetGateway", detach).await, &["Gateway.NotAttached", NOT_FOUND])
                    .map(drop)
            })
            .await?;
        }
        let delete = || cx.aws.ec2.delete_internet_gateway().internet_gateway_id(id).send();
        let deleted = cx
            .retry("the gateway to be detached", &["DependencyViolation"], 60, || {
                cx.mutate("ec2:DeleteInternetGateway", delete)
            })
            .await;
        ignore_codes(deleted, &[NOT_FOUND]).map(drop)
    }

    async fn is_unused(&self, _cx: &StepContext, attrs: &InternetGatewayAttrs) -> Result<bool> {
        Ok(attrs.vpc_id.is_none())
    }

    fn from_id(id: &str) -> Option<InternetGatewayAttrs> {
        Some(InternetGatewayAttrs { internet_gateway_id: id.into(), vpc_id: None })
    }

    fn inputs_from_attrs(attrs: &InternetGatewayAttrs) -> Vec<(&'static str, Value)> {
        attrs.vpc_id.iter().map(|vpc| ("vpc", vpc.as_str().into())).collect()
    }
}

impl InternetGateway {
    async fn create(&self, cx: &StepContext) -> Result<InternetGatewayAttrs> {
        let tags = tagging::specification(cx, ResourceType::InternetGateway);
        let call = || cx.aws.ec2.create_internet_gateway().tag_specifications(tags.clone()).send();
        let created = cx.mutate("ec2:CreateInternetGateway", call).await?;
        let id = created.internet_gateway.and_then(|gateway| gateway.internet_gateway_id);
        let id =
            id.ok_or(Error::MissingField { call: "ec2:CreateInternetGateway", what: "the internet gateway id" })?;
        Ok(InternetGatewayAttrs { internet_gateway_id: id.into(), vpc_id: None })
    }

    /// Returns whether the gateway is attached to our VPC.
    async fn is_attached(&self, cx: &StepContext, id: &InternetGatewayId) -> Result<bool> {
        let vpc = self.vpc.get()?;
        let found = cx
            .read(
                "ec2:DescribeInternetGateways",
                cx.aws.ec2.describe_internet_gateways().internet_gateway_ids(id).send(),
            )
            .await?;
        Ok(found.internet_gateways().iter().any(|gateway| attached_to(gateway) == Some(vpc.as_str())))
    }
}

fn attached_to(gateway: &aws_sdk_ec2::types::InternetGateway) -> Option<&str> {
    let leaving = |state: &AttachmentStatus| matches!(state, AttachmentStatus::Detaching | AttachmentStatus::Detached);
    let attachment = gateway.attachments().iter().find(|attachment| !attachment.state().is_some_and(leaving));
    attachment.and_then(|attachment| attachment.vpc_id())
}
