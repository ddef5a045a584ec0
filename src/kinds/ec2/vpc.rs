//! A VPC with DNS support and DNS host names, which RDS and interface endpoints require.
//!
//! It has no name, so it is found by its tags; its address range cannot be changed.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, ResourceType, VpcAttributeName};
use serde::{Deserialize, Serialize};

use super::blockers::{Target, delete_when_free, is_empty};
use super::find;
use super::tagging;
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, VpcId};
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a VPC.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.vpc",
    summary = "a VPC with DNS support and DNS host names",
    repeat = "tags",
    arns("ec2:vpc/"),
    create_seconds = 3,
    delete_seconds = 2,
    is_scope,
    tagger = tagging::Ec2,
    delete_blockers = "everything in it: subnets, gateways, network interfaces, security groups except the default one",
    reads(
        "ec2:DescribeVpcs",
        "ec2:DescribeVpcAttribute",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeRouteTables",
        "ec2:DescribeInternetGateways",
        "ec2:DescribeVpcEndpoints",
        "ec2:DescribeNatGateways",
        "ec2:DescribeVpcPeeringConnections",
    ),
    creates("ec2:CreateVpc", "ec2:ModifyVpcAttribute"),
    updates("ec2:ModifyVpcAttribute"),
    deletes("ec2:DeleteVpc"),
    permissions("ec2:DeleteVpcEndpoints", "ec2:DeleteSecurityGroup"),
)]
pub struct Vpc {
    /// Its IPv4 address range, `/16` to `/28`.
    #[immutable]
    pub cidr: String,
    /// Whether a deletion of the VPC removes the endpoint and the security group that GuardDuty left in it.
    #[deletion]
    #[serde(default = "on")]
    pub remove_guardduty: bool,
}

/// What is known of a VPC.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct VpcAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub vpc_id: VpcId,
    /// Its IPv4 address range.
    pub cidr: String,
    /// Whether DNS support is on; always with this tool.
    #[serde(default = "on")]
    pub dns_support: bool,
    /// Whether resources in it get DNS host names; always with this tool.
    #[serde(default = "on")]
    pub dns_hostnames: bool,
}

/// The value in older states, which lack the field.
fn on() -> bool {
    true
}

#[async_trait]
impl Resource for Vpc {
    async fn observe(&self, cx: &StepContext, known: Option<&VpcAttrs>) -> Result<Observed<VpcAttrs>> {
        let attrs = |vpc: aws_sdk_ec2::types::Vpc| VpcAttrs {
            vpc_id: vpc.vpc_id.unwrap_or_default().into(),
            cidr: vpc.cidr_block.unwrap_or_default(),
            dns_support: true,
            dns_hostnames: true,
        };
        let observed = find::observe(cx, known.map(|attrs| attrs.vpc_id.as_str()), attrs).await?;
        let Observed::Ours(attrs) = observed else { return Ok(observed) };
        let dns_support = is_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsSupport).await?;
        let dns_hostnames = is_on(cx, &attrs.vpc_id, VpcAttributeName::EnableDnsHostnames).await?;
        // It may have been deleted since it was listed.
        Ok(match (dns_support, dns_hostnames) {
            (Some(dns_support), Some(dns_hostnames)) => {
                Observed::Ours(VpcAttrs { dns_support, dns_hostnames, ..attrs })
            }
            _ => Observed::Absent,
        })
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        find::exists::<aws_sdk_ec2::types::Vpc>(cx, arn, "ec2:vpc/", |_| true).await
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<VpcAttrs>) -> Result<VpcAttrs> {
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

    async fn delete(&self, cx: &StepContext, attrs: &VpcAttrs) -> Result<()> {
        let target = Target::Vpc { id: &attrs.vpc_id, remove_guardduty: self.remove_guardduty };
        let call = || cx.aws.ec2.delete_vpc().vpc_id(&attrs.vpc_id).send();
        delete_when_free(cx, target, || async {
            ignore_codes(cx.mutate("ec2:DeleteVpc", call).await, &["InvalidVpcID.NotFound"]).map(drop)
        })
        .await
    }

    async fn is_unused(&self, cx: &StepContext, attrs: &VpcAttrs) -> Result<bool> {
        is_empty(cx, &attrs.vpc_id).await
    }

    fn from_id(id: &str) -> Option<VpcAttrs> {
        Some(VpcAttrs { vpc_id: id.into(), cidr: String::new(), dns_support: true, dns_hostnames: true })
    }
}

impl Vpc {
    async fn create(&self, cx: &StepContext) -> Result<VpcAttrs> {
        let tags = tagging::specification(cx, ResourceType::Vpc);
        let call = || cx.aws.ec2.create_vpc().cidr_block(&self.cidr).tag_specifications(tags.clone()).send();
        let created = cx.mutate("ec2:CreateVpc", call).await?;
        let id = created
            .vpc
            .and_then(|vpc| vpc.vpc_id)
            .ok_or(Error::MissingField { call: "ec2:CreateVpc", what: "the VPC id" })?;
        let vpc_id = VpcId(id);
        self.wait_available(cx, &vpc_id).await?;
        // A new VPC has DNS support but no DNS host names.
        Ok(VpcAttrs { vpc_id, cidr: self.cidr.clone(), dns_support: true, dns_hostnames: false })
    }

    async fn wait_available(&self, cx: &StepContext, vpc_id: &VpcId) -> Result<()> {
        cx.wait(Wait::new(format!("VPC {vpc_id} to become available"), 1, 60), || async {
            let call = cx.aws.ec2.describe_vpcs().vpc_ids(vpc_id).send();
            let found = ignore_codes(cx.read("ec2:DescribeVpcs", call).await, &["InvalidVpcID.NotFound"])?;
            let state = found.and_then(|found| Some(found.vpcs?.first()?.state()?.as_str().to_owned()));
            Ok(match state.as_deref() {
                Some("available") => Progress::Reached(()),
                state => Progress::Pending(state.unwrap_or("not visible yet").to_owned()),
            })
        })
        .await
    }
}

/// Reads one attribute, the most that one call returns; `None` when the VPC does not exist.
async fn is_on(cx: &StepContext, vpc_id: &VpcId, attribute: VpcAttributeName) -> Result<Option<bool>> {
    let ask = cx.aws.ec2.describe_vpc_attribute().vpc_id(vpc_id).attribute(attribute.clone()).send();
    let Some(now) = ignore_codes(cx.read("ec2:DescribeVpcAttribute", ask).await, &["InvalidVpcID.NotFound"])? else {
        return Ok(None);
    };
    let current = if attribute == VpcAttributeName::EnableDnsSupport {
        now.enable_dns_support()
    } else {
        now.enable_dns_hostnames()
    };
    Ok(Some(current.and_then(AttributeBooleanValue::value).unwrap_or(false)))
}

/// Sets one attribute, the most that one call changes.
async fn turn_on(cx: &StepContext, vpc_id: &VpcId, attribute: VpcAttributeName) -> Result<()> {
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
