//! A VPC with DNS support and DNS host names, which RDS and interface endpoints need.
//!
//! It has no name, so it is found by its tags; its address range cannot be changed.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use serde::{Deserialize, Serialize};

use super::blockers::{Used, delete_when_free};
use super::listing::seek;
use super::tagging;
use crate::address::VpcId;
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Vpc {
    /// Its IPv4 address range, `/16` to `/28`.
    pub cidr: String,
}

/// What is known of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct VpcAttrs {
    /// Its id.
    pub vpc_id: VpcId,
    /// Its IPv4 address range.
    pub cidr: String,
    /// Whether its resolver answers; always with this tool.
    #[serde(default = "on")]
    pub dns_support: bool,
    /// Whether what is in it gets DNS host names; always with this tool.
    #[serde(default = "on")]
    pub dns_hostnames: bool,
}

/// States of before it was kept.
fn on() -> bool {
    true
}

impl Handle<Vpc> {
    /// The VPC's id.
    pub fn id(&self) -> Input<VpcId> {
        self.created("vpc_id")
    }
}

#[async_trait]
impl Resource for Vpc {
    const KIND: &'static str = "ec2.vpc";
    const ABOUT: About = About {
        summary: "a VPC with DNS support and DNS host names",
        create_seconds: 3,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "ec2:CreateVpc",
            "ec2:DescribeVpcs",
            "ec2:DescribeVpcAttribute",
            "ec2:ModifyVpcAttribute",
            "ec2:DeleteVpc",
            "ec2:DescribeNetworkInterfaces",
            "ec2:DescribeSubnets",
            "ec2:DescribeSecurityGroups",
            "ec2:DescribeRouteTables",
            "ec2:DescribeInternetGateways",
            "ec2:DescribeVpcEndpoints",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateVpc", "ec2:ModifyVpcAttribute"],
        deletes: &["ec2:DeleteVpc"],
        changes: &["ec2:ModifyVpcAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["cidr"],
        tagged: true,
        blocked_by: "anything that is still in it: subnets, gateways, network interfaces, security groups other than the default one",
        ..About::PLAIN
    };
    type Attrs = VpcAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&VpcAttrs>) -> Result<Observed<VpcAttrs>> {
        let id = known.map(|attrs| attrs.vpc_id.as_str());
        let describe = |ids, filters| {
            cx.aws.ec2.describe_vpcs().set_vpc_ids(ids).set_filters(filters).into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        };
        let found = seek(cx, "ec2:DescribeVpcs", id, aws_sdk_ec2::types::Vpc::vpc_id, &["InvalidVpcID.NotFound"], describe).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let attrs = |vpc: aws_sdk_ec2::types::Vpc| VpcAttrs {
            vpc_id: vpc.vpc_id.unwrap_or_default().into(),
            cidr: vpc.cidr_block.unwrap_or_default(),
            dns_support: true,
            dns_hostnames: true,
        };
        let judged = tagging::judge(cx, found, |vpc| vpc.tags(), |vpc| vpc.vpc_id().unwrap_or_default().to_owned(), attrs)?;
        let Observed::Ours(attrs) = judged else { return Ok(judged) };
        let dns_support = is_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsSupport).await?;
        let dns_hostnames = is_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsHostnames).await?;
        // It may have gone since it was listed.
        Ok(match (dns_support, dns_hostnames) {
            (Some(dns_support), Some(dns_hostnames)) => Observed::Ours(VpcAttrs { dns_support, dns_hostnames, ..attrs }),
            _ => Observed::Absent,
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<VpcAttrs>) -> Result<VpcAttrs> {
        let attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if !attrs.dns_support {
            turn_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsSupport).await?;
        }
        if !attrs.dns_hostnames {
            turn_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsHostnames).await?;
        }
        Ok(VpcAttrs { dns_support: true, dns_hostnames: true, ..attrs })
    }

    async fn delete(&self, cx: &Cx, attrs: &VpcAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_vpc().vpc_id(&attrs.vpc_id).send();
        delete_when_free(cx, Used::Vpc(&attrs.vpc_id), || async {
            settled(cx.mutate("ec2:DeleteVpc", call).await, &["InvalidVpcID.NotFound"]).map(drop)
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &VpcAttrs) -> Result<()> {
        tagging::retag(cx, attrs.vpc_id.as_str()).await
    }

    fn known_by(id: &str) -> Option<VpcAttrs> {
        Some(VpcAttrs { vpc_id: id.into(), cidr: String::new(), dns_support: true, dns_hostnames: true })
    }

    fn id(attrs: &VpcAttrs) -> String {
        attrs.vpc_id.0.clone()
    }
}

impl Vpc {
    async fn create(&self, cx: &Cx) -> Result<VpcAttrs> {
        let tags = tagging::specification(cx, ResourceType::Vpc);
        let call = || cx.aws.ec2.create_vpc().cidr_block(&self.cidr).tag_specifications(tags.clone()).send();
        let made = cx.mutate("ec2:CreateVpc", call).await?;
        let id = made.vpc.and_then(|vpc| vpc.vpc_id).ok_or(Error::Incomplete { call: "ec2:CreateVpc", what: "the VPC id" })?;
        let vpc_id = VpcId(id);
        self.wait_available(cx, &vpc_id).await?;
        // A new VPC has DNS support but no DNS host names.
        Ok(VpcAttrs { vpc_id, cidr: self.cidr.clone(), dns_support: true, dns_hostnames: false })
    }

    async fn wait_available(&self, cx: &Cx, vpc_id: &VpcId) -> Result<()> {
        cx.wait(Wait::new(format!("VPC {vpc_id} to become available"), 1, 60), || async {
            let call = cx.aws.ec2.describe_vpcs().vpc_ids(vpc_id).send();
            let found = settled(cx.read("ec2:DescribeVpcs", call).await, &["InvalidVpcID.NotFound"])?;
            let state = found.and_then(|found| Some(found.vpcs?.first()?.state()?.as_str().to_owned()));
            Ok(match state.as_deref() {
                Some("available") => Progress::Reached(()),
                state => Progress::Pending(state.unwrap_or("not visible yet").to_owned()),
            })
        })
        .await
    }
}

/// EC2 shows one attribute a call. Nothing when there is no such VPC.
async fn is_on(cx: &Cx, vpc_id: &VpcId, attribute: VpcAttributeName) -> Result<Option<bool>> {
    let ask = cx.aws.ec2.describe_vpc_attribute().vpc_id(vpc_id).attribute(attribute.clone()).send();
    let Some(now) = settled(cx.read("ec2:DescribeVpcAttribute", ask).await, &["InvalidVpcID.NotFound"])? else { return Ok(None) };
    let shown = if attribute == VpcAttributeName::EnableDnsSupport { now.enable_dns_support() } else { now.enable_dns_hostnames() };
    Ok(Some(shown.and_then(AttributeBooleanValue::value).unwrap_or(false)))
}

/// EC2 changes one attribute a call.
async fn turn_on(cx: &Cx, vpc_id: &VpcId, attribute: VpcAttributeName) -> Result<()> {
    let on = AttributeBooleanValue::builder().value(true).build();
    cx.mutate("ec2:ModifyVpcAttribute", || {
        let call = cx.aws.ec2.modify_vpc_attribute().vpc_id(vpc_id);
        match attribute {
            VpcAttributeName::EnableDnsSupport => call.enable_dns_support(on.clone()).send(),
            _ => call.enable_dns_hostnames(on.clone()).send(),
        }
    })
    .await
    .map(drop)
}
