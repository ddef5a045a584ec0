//! A subnet in one availability zone of the account.
//!
//! Which zones there are is asked from the account: `zone` counts them in alphabetical order of their names. The zone, once
//! chosen, stays with the subnet.

use async_trait::async_trait;
use aws_sdk_ec2::types::{AttributeBooleanValue, AvailabilityZone, AvailabilityZoneState, Filter, ResourceType};
use serde::{Deserialize, Serialize};

use super::blockers::{Used, delete_when_free};
use super::listing::seek;
use super::tagging;
use super::visible::once_visible;
use crate::address::{SubnetId, VpcId};
use crate::aws::{Progress, Wait};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};

/// The specification of a subnet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Subnet {
    /// Its VPC.
    pub vpc: Input<VpcId>,
    /// Its IPv4 address range, inside the VPC's.
    pub cidr: String,
    /// Which of the account's availability zones, counted from 0.
    pub zone: usize,
    /// Whether what is started in it gets a public address.
    pub public_addresses: bool,
}

/// What is known of a subnet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SubnetAttrs {
    /// Its id.
    pub subnet_id: SubnetId,
    /// Its availability zone.
    pub availability_zone: String,
    /// Whether what is started in it gets a public address.
    pub public_addresses: bool,
    /// The address range, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cidr: Option<String>,
    /// The VPC, as AWS shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vpc: Option<VpcId>,
    /// The number of its availability zone, as it was counted when the subnet was made or found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zone: Option<usize>,
}

impl Handle<Subnet> {
    /// The subnet's id.
    pub fn id(&self) -> Input<SubnetId> {
        self.created("subnet_id")
    }
}

#[async_trait]
impl Resource for Subnet {
    const KIND: &'static str = "ec2.subnet";
    const ABOUT: About = About {
        summary: "a subnet in one availability zone",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "ec2:DescribeAvailabilityZones",
            "ec2:CreateSubnet",
            "ec2:DescribeSubnets",
            "ec2:ModifySubnetAttribute",
            "ec2:DeleteSubnet",
            "ec2:DescribeNetworkInterfaces",
            "ec2:CreateTags",
            "ec2:DeleteTags",
        ],
        creates: &["ec2:CreateSubnet", "ec2:ModifySubnetAttribute"],
        deletes: &["ec2:DeleteSubnet"],
        changes: &["ec2:ModifySubnetAttribute", "ec2:CreateTags", "ec2:DeleteTags"],
        immutable: &["vpc", "cidr", "zone"],
        tagged: true,
        blocked_by: "network interfaces of databases, load balancers, tasks and gateways that are still in it",
        unique: &[&["vpc", "cidr"]],
        ..About::PLAIN
    };
    type Attrs = SubnetAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&SubnetAttrs>) -> Result<Observed<SubnetAttrs>> {
        let id = known.map(|attrs| attrs.subnet_id.as_str());
        let describe = |ids, filters| {
            cx.aws.ec2.describe_subnets().set_subnet_ids(ids).set_filters(filters).into_paginator().items().send().collect::<Result<Vec<_>, _>>()
        };
        let found = seek(cx, "ec2:DescribeSubnets", id, aws_sdk_ec2::types::Subnet::subnet_id, &["InvalidSubnetID.NotFound"], describe).await?;
        let Some(found) = found else { return Ok(Observed::Absent) };
        let attrs = |subnet: aws_sdk_ec2::types::Subnet| SubnetAttrs {
            subnet_id: subnet.subnet_id.unwrap_or_default().into(),
            availability_zone: subnet.availability_zone.unwrap_or_default(),
            public_addresses: subnet.map_public_ip_on_launch.unwrap_or(false),
            cidr: subnet.cidr_block,
            vpc: subnet.vpc_id.map(Into::into),
            zone: None,
        };
        let judged = tagging::judge(cx, found, |subnet| subnet.tags(), |subnet| subnet.subnet_id().unwrap_or_default().to_owned(), attrs)?;
        let Observed::Ours(mut attrs) = judged else { return Ok(judged) };
        attrs.zone = match known.filter(|known| known.availability_zone == attrs.availability_zone) {
            Some(known) => known.zone,
            None => self.number_of(cx, &attrs.availability_zone).await?,
        };
        Ok(Observed::Ours(attrs))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<SubnetAttrs>) -> Result<SubnetAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        if attrs.public_addresses != self.public_addresses {
            let wanted = AttributeBooleanValue::builder().value(self.public_addresses).build();
            let call = || cx.aws.ec2.modify_subnet_attribute().subnet_id(&attrs.subnet_id).map_public_ip_on_launch(wanted.clone()).send();
            cx.mutate("ec2:ModifySubnetAttribute", call).await?;
            attrs.public_addresses = self.public_addresses;
        }
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &SubnetAttrs) -> Result<()> {
        let call = || cx.aws.ec2.delete_subnet().subnet_id(&attrs.subnet_id).send();
        delete_when_free(cx, Used::Subnet(&attrs.subnet_id), || async {
            settled(cx.mutate("ec2:DeleteSubnet", call).await, &["InvalidSubnetID.NotFound"]).map(drop)
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &SubnetAttrs) -> Result<()> {
        tagging::retag(cx, attrs.subnet_id.as_str()).await
    }

    /// A new one gives no public addresses.
    fn makes(&self, operation: &str) -> bool {
        operation != "ec2:ModifySubnetAttribute" || self.public_addresses
    }

    fn known_by(id: &str) -> Option<SubnetAttrs> {
        Some(SubnetAttrs { subnet_id: id.into(), availability_zone: String::new(), public_addresses: false, cidr: None, vpc: None, zone: None })
    }

    fn id(attrs: &SubnetAttrs) -> String {
        attrs.subnet_id.0.clone()
    }
}

impl Subnet {
    async fn create(&self, cx: &Cx) -> Result<SubnetAttrs> {
        let zone = self.zone_name(cx).await?;
        let vpc = self.vpc.get()?;
        let tags = tagging::specification(cx, ResourceType::Subnet);
        let call = || cx.aws.ec2.create_subnet().vpc_id(vpc).cidr_block(&self.cidr).availability_zone(&zone).tag_specifications(tags.clone()).send();
        let made = once_visible(cx, || cx.mutate("ec2:CreateSubnet", call)).await?;
        let id = made.subnet.and_then(|subnet| subnet.subnet_id).ok_or(Error::Incomplete { call: "ec2:CreateSubnet", what: "the subnet id" })?;
        let subnet_id = SubnetId(id);
        self.wait_available(cx, &subnet_id).await?;
        let (cidr, vpc) = (Some(self.cidr.clone()), Some(vpc.clone()));
        Ok(SubnetAttrs { subnet_id, availability_zone: zone, public_addresses: false, cidr, vpc, zone: Some(self.zone) })
    }

    async fn zone_name(&self, cx: &Cx) -> Result<String> {
        let names: Vec<String> = zones(cx).await?.into_iter().filter(|(_, usable)| *usable).map(|(name, _)| name).collect();
        names.get(self.zone).cloned().ok_or_else(|| {
            let count = names.len();
            Error::Refused(format!("{} has {count} availability zones, and the configuration asks for number {}", cx.region, self.zone + 1))
        })
    }

    /// Which zone this is. One that can not be used for a while must not make others of the rest.
    async fn number_of(&self, cx: &Cx, name: &str) -> Result<Option<usize>> {
        let all = zones(cx).await?;
        let count = |usable_only: bool| all.iter().filter(|(_, usable)| *usable || !usable_only).position(|(zone, _)| zone == name);
        let (of_all, of_usable) = (count(false), count(true));
        Ok(if of_usable == Some(self.zone) { of_usable } else { of_all })
    }

    async fn wait_available(&self, cx: &Cx, subnet_id: &SubnetId) -> Result<()> {
        cx.wait(Wait::new(format!("subnet {subnet_id} to become available"), 1, 60), || async {
            let call = cx.aws.ec2.describe_subnets().subnet_ids(subnet_id).send();
            let found = settled(cx.read("ec2:DescribeSubnets", call).await, &["InvalidSubnetID.NotFound"])?;
            let state = found.and_then(|found| Some(found.subnets?.first()?.state()?.as_str().to_owned()));
            Ok(match state.as_deref() {
                Some("available") => Progress::Reached(()),
                state => Progress::Pending(state.unwrap_or("not visible yet").to_owned()),
            })
        })
        .await
    }
}

/// The zones of the account by name, and whether they can be used now. Local and wavelength zones are left out: load balancers and databases cannot
/// use those.
async fn zones(cx: &Cx) -> Result<Vec<(String, bool)>> {
    let regular = Filter::builder().name("zone-type").values("availability-zone").build();
    let found = cx.read("ec2:DescribeAvailabilityZones", cx.aws.ec2.describe_availability_zones().filters(regular).send()).await?;
    let zone = |zone: &AvailabilityZone| Some((zone.zone_name()?.to_owned(), zone.state() == Some(&AvailabilityZoneState::Available)));
    let mut zones: Vec<(String, bool)> = found.availability_zones().iter().filter_map(zone).collect();
    zones.sort_unstable();
    Ok(zones)
}
