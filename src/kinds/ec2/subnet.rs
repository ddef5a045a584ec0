//! A subnet in one availability zone of the account.
//!
//! `zone_id` names the zone. Without it, `zone` counts the usable zones of the account in alphabetical order of their
//! names: those that offer what will run in the subnet. A subnet keeps its zone.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, Filter, ResourceType};
use serde::{Deserialize, Serialize};

use super::blockers::{Target, delete_when_free};
use super::find;
use super::tagging;
use super::zones::{Zone, ZoneOffers, zone_names, zones};
use infra_aws::{Progress, Wait};
use infra_base::address::{Arn, SubnetId, VpcId};
use infra_base::tags::{OWNER_ADDRESS, OWNER_STACK};
use infra_core::graph::Input;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// The specification of a subnet.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "ec2.subnet",
    summary = "a subnet in one availability zone",
    repeat = "name",
    arns("ec2:subnet/"),
    create_seconds = 2,
    delete_seconds = 2,
    tagger = tagging::Ec2,
    delete_blockers = "network interfaces of databases, load balancers, tasks and gateways in it",
    reads(
        "ec2:DescribeAvailabilityZones",
        "ec2:DescribeSubnets",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSecurityGroups",
        "ec2:DescribeNatGateways",
        "ec2:DescribeVpcEndpoints",
        "rds:DescribeOrderableDBInstanceOptions",
        "dms:DescribeOrderableReplicationInstances",
    ),
    creates("ec2:CreateSubnet", "ec2:ModifySubnetAttribute"),
    updates("ec2:ModifySubnetAttribute"),
    deletes("ec2:DeleteSubnet"),
    permissions("ec2:DeleteVpcEndpoints", "ec2:ModifyVpcEndpoint"),
)]
pub struct Subnet {
    /// Its VPC.
    #[immutable]
    #[unique]
    #[scope]
    pub vpc: Input<VpcId>,
    /// Its IPv4 address range, inside the VPC's.
    #[immutable]
    #[unique]
    pub cidr: String,
    /// Which of the account's usable availability zones, counted from 0.
    #[immutable]
    pub zone: usize,
    /// The id of its availability zone, for example `use1-az1`. It counts instead of the number.
    #[immutable]
    #[compare(chosen)]
    #[serde(default)]
    pub zone_id: Option<String>,
    /// What a zone must offer if no id names it.
    #[create_only]
    #[serde(default)]
    pub offers: ZoneOffers,
    /// Whether instances in it get a public address.
    pub public_addresses: bool,
    /// Whether a deletion of the subnet removes GuardDuty's endpoint from it.
    #[deletion]
    #[serde(default = "on")]
    pub remove_guardduty: bool,
}

/// The value in older states, which lack the field.
fn on() -> bool {
    true
}

/// What is known of a subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct SubnetAttrs {
    /// Its id.
    #[id]
    #[output(created, name = "id")]
    pub subnet_id: SubnetId,
    /// Its availability zone.
    pub availability_zone: String,
    /// Whether instances in it get a public address.
    pub public_addresses: bool,
    /// The address range, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The number of its availability zone when the subnet was created or found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<usize>,
    /// The id of its availability zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone_id: Option<String>,
}

#[async_trait]
impl Resource for Subnet {
    async fn observe(&self, cx: &StepContext, known: Option<&SubnetAttrs>) -> Result<Observed<SubnetAttrs>> {
        let attrs = |subnet: aws_sdk_ec2::types::Subnet| SubnetAttrs {
            subnet_id: subnet.subnet_id.unwrap_or_default().into(),
            availability_zone: subnet.availability_zone.unwrap_or_default(),
            public_addresses: subnet.map_public_ip_on_launch.unwrap_or(false),
            cidr: subnet.cidr_block,
            vpc: subnet.vpc_id.map(Into::into),
            zone: None,
            zone_id: subnet.availability_zone_id,
        };
        let observed = find::observe(cx, known.map(|attrs| attrs.subnet_id.as_str()), attrs).await?;
        let Observed::Ours(mut attrs) = observed else { return Ok(observed) };
        attrs.zone = match known.filter(|known| known.availability_zone == attrs.availability_zone) {
            Some(known) => known.zone,
            None => self.number_of(cx, &attrs.availability_zone).await?,
        };
        Ok(Observed::Ours(attrs))
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        find::exists::<aws_sdk_ec2::types::Subnet>(cx, arn, "ec2:subnet/", |_| true).await
    }

    /// Otherwise a bad zone would be refused after the VPC exists.
    async fn preflight(&self, cx: &StepContext) -> Result<()> {
        self.choose_zone(cx, &[]).await.map(drop)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<SubnetAttrs>) -> Result<SubnetAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if attrs.public_addresses != self.public_addresses {
            let wanted = AttributeBooleanValue::builder().value(self.public_addresses).build();
            let call = || {
                cx.aws
                    .ec2
                    .modify_subnet_attribute()
                    .subnet_id(&attrs.subnet_id)
                    .map_public_ip_on_launch(wanted.clone())
                    .send()
            };
            cx.mutate("ec2:ModifySubnetAttribute", call).await?;
            attrs.public_addresses = self.public_addresses;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &SubnetAttrs) -> Result<()> {
        let target = Target::Subnet { id: &attrs.subnet_id, remove_guardduty: self.remove_guardduty };
        let call = || cx.aws.ec2.delete_subnet().subnet_id(&attrs.subnet_id).send();
        delete_when_free(cx, target, || async {
            ignore_codes(cx.mutate("ec2:DeleteSubnet", call).await, &["InvalidSubnetID.NotFound"]).map(drop)
        })
        .await
    }

    /// A new subnet assigns no public addresses.
    fn creation_calls(&self, operation: &str) -> bool {
        operation != "ec2:ModifySubnetAttribute" || self.public_addresses
    }

    fn from_id(id: &str) -> Option<SubnetAttrs> {
        Some(SubnetAttrs {
            subnet_id: id.into(),
            availability_zone: String::new(),
            public_addresses: false,
            cidr: None,
            vpc: None,
            zone: None,
            zone_id: None,
        })
    }
}

impl Subnet {
    async fn choose_zone(&self, cx: &StepContext, taken: &[String]) -> Result<Zone> {
        zones(cx).await?.choose(cx, self.zone, self.zone_id.as_deref(), &self.offers, taken).await
    }

    /// Returns the zones of the stack's other subnets for the same purpose: their addresses differ only in a number.
    async fn taken_zones(&self, cx: &StepContext) -> Result<Vec<String>> {
        // Their zones were chosen by the same facts.
        if cx.has_created(self.vpc.get()?.as_str()) {
            return Ok(Vec::new());
        }
        let purpose = |address: &str| address.trim_end_matches(|character: char| character.is_ascii_digit()).to_owned();
        let own = purpose(cx.identity.tag_address().as_str());
        let filter = Filter::builder().name("vpc-id").values(self.vpc.get()?).build();
        let pages = cx.aws.ec2.describe_subnets().filters(filter).into_paginator().items().send();
        let all = cx.read("ec2:DescribeSubnets", pages.collect::<Result<Vec<_>, _>>()).await?;
        let tag = |subnet: &aws_sdk_ec2::types::Subnet, key: &str| {
            subnet.tags().iter().find(|tag| tag.key() == Some(key)).and_then(|tag| tag.value()).map(str::to_owned)
        };
        let is_sibling = |subnet: &aws_sdk_ec2::types::Subnet| {
            tag(subnet, OWNER_STACK).as_deref() == Some(cx.identity.stack.as_str())
                && tag(subnet, OWNER_ADDRESS)
                    .is_some_and(|address| purpose(&address) == own && address != cx.identity.tag_address().as_str())
        };
        Ok(all.into_iter().filter(is_sibling).filter_map(|subnet| subnet.availability_zone).collect())
    }

    async fn create(&self, cx: &StepContext) -> Result<SubnetAttrs> {
        let zone = self.choose_zone(cx, &self.taken_zones(cx).await?).await?;
        let vpc = self.vpc.get()?;
        let tags = tagging::specification(cx, ResourceType::Subnet);
        let call = || {
            cx.aws
                .ec2
                .create_subnet()
                .vpc_id(vpc)
                .cidr_block(&self.cidr)
                .availability_zone(&zone.name)
                .tag_specifications(tags.clone())
                .send()
        };
        let created = cx.mutate("ec2:CreateSubnet", call).await?;
        let id = created
            .subnet
            .and_then(|subnet| subnet.subnet_id)
            .ok_or(Error::MissingField { call: "ec2:CreateSubnet", what: "the subnet id" })?;
        let subnet_id = SubnetId(id);
        self.wait_available(cx, &subnet_id).await?;
        let (cidr, vpc) = (Some(self.cidr.clone()), Some(vpc.clone()));
        Ok(SubnetAttrs {
            subnet_id,
            availability_zone: zone.name,
            public_addresses: false,
            cidr,
            vpc,
            zone: Some(self.zone),
            zone_id: Some(zone.id),
        })
    }

    /// Returns the number of a zone. A zone that is temporarily unavailable must not change the numbers of the others.
    async fn number_of(&self, cx: &StepContext, name: &str) -> Result<Option<usize>> {
        let all = zones(cx).await?;
        let usable = all.usable(cx, &self.offers).await?;
        // One that the configuration names has the number of the configuration.
        let named = self.zone_id.as_deref().is_some_and(|id| all.name_of(id) == Some(name));
        if named || zone_names(&usable).nth(self.zone) == Some(name) {
            return Ok(Some(self.zone));
        }
        Ok(zone_names(all.all()).position(|zone| zone == name))
    }

    async fn wait_available(&self, cx: &StepContext, subnet_id: &SubnetId) -> Result<()> {
        cx.wait(Wait::new(format!("subnet {subnet_id} to become available"), 1, 60), || async {
            let call = cx.aws.ec2.describe_subnets().subnet_ids(subnet_id).send();
            let found = ignore_codes(cx.read("ec2:DescribeSubnets", call).await, &["InvalidSubnetID.NotFound"])?;
            let state = found.and_then(|found| Some(found.subnets?.first()?.state()?.as_str().to_owned()));
            Ok(match state.as_deref() {
                Some("available") => Progress::Reached(()),
                state => Progress::Pending(state.unwrap_or("not visible yet").to_owned()),
            })
        })
        .await
    }
}
