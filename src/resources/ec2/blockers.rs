//! Finding and naming what stands in the way of a deletion: network interfaces, rules that refer to a group, and whose they are.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_ec2::types::{Filter, NetworkInterface};

use crate::address::{SecurityGroupId, SubnetId, VpcId};
use crate::aws::{Progress, Wait};
use crate::resource::{Blocker, Cx, Error, Result};

/// How long interfaces of deleted things may linger: those of load balancers and Fargate tasks for up to 20 minutes.
pub(in crate::resources) const LINGER_SECONDS: u64 = 25 * 60;
const LOOK_EVERY: u64 = 10;
/// EC2 may go on refusing for a while after the last thing in the way has vanished from its answers. So many looks in a row at
/// nothing, three minutes, are enough.
const LOOKS_AT_NOTHING: u32 = 18;
/// What does not go by itself may have gone already, and only still be shown: half a minute.
const LOOKS_AT_WHAT_STAYS: u32 = 3;

/// What is to go, and so where to look for what uses it.
#[derive(Clone, Copy)]
pub(super) enum Used<'a> {
    /// A VPC, by anything that is in it.
    Vpc(&'a VpcId),
    /// A subnet, by interfaces in it.
    Subnet(&'a SubnetId),
    /// A security group, by interfaces and by rules of other groups.
    Group(&'a SecurityGroupId),
    /// The internet gateway of this VPC, by interfaces with public addresses.
    InternetGatewayOf(&'a VpcId),
}

/// What was found in the way.
struct Found {
    /// Interfaces, which go some time after what they belong to.
    lingering: Vec<Blocker>,
    /// What stays until somebody takes it away.
    staying: Vec<Blocker>,
}

/// Deletes something that lingering network interfaces may hold for a while: tries, and while AWS answers that there are
/// dependencies, waits for the interfaces to go. When they do not, the error names them and their owners.
///
/// # Errors
/// [`Error::Blocked`] when they stay, or what `delete` returns.
pub(super) async fn delete_when_free<Fut>(cx: &Cx, used: Used<'_>, delete: impl Fn() -> Fut + Send + Sync) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send,
{
    let in_vain = AtomicU32::new(0);
    let look = || async {
        let refusal = match delete().await {
            Ok(()) => return Ok(Progress::Reached(Ok(()))),
            Err(error) if error.is_code("DependencyViolation") || error.is_code("InvalidGroup.InUse") => error,
            Err(error) => return Err(error),
        };
        let Found { lingering, staying } = find(cx, used).await?;
        if !lingering.is_empty() {
            in_vain.store(0, Ordering::Relaxed);
            return Ok(Progress::Pending(format!("used by {}", listed(&lingering))));
        }
        let looks = in_vain.fetch_add(1, Ordering::Relaxed);
        Ok(match staying.is_empty() {
            true if looks >= LOOKS_AT_NOTHING => Progress::Reached(Err(refusal)),
            true => Progress::Pending("still in use, says AWS, and shows nothing that uses it".to_owned()),
            false if looks >= LOOKS_AT_WHAT_STAYS => Progress::Reached(Err(Error::Blocked(staying))),
            false => Progress::Pending(format!("used by {}", listed(&staying))),
        })
    };
    let id = used.id();
    match cx.wait(Wait::new(format!("what uses {id} to go away"), LOOK_EVERY, LINGER_SECONDS), look).await {
        Ok(result) => result,
        Err(Error::Timeout { .. }) => match delete().await {
            Ok(()) => Ok(()),
            Err(error) => Err(name_them(cx, used, error).await),
        },
        Err(other) => Err(other),
    }
}

/// Replaces AWS's "has dependencies" by the list of what depends. Returns the original error when nothing is found.
async fn name_them(cx: &Cx, used: Used<'_>, error: Error) -> Error {
    match find(cx, used).await {
        Ok(Found { lingering, staying }) if !lingering.is_empty() || !staying.is_empty() => {
            Error::Blocked(lingering.into_iter().chain(staying).collect())
        }
        _ => error,
    }
}

fn listed(blockers: &[Blocker]) -> String {
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Used<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Vpc(id) | Self::InternetGatewayOf(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
        }
    }

    /// The filter that finds the interfaces.
    fn filter(&self) -> Filter {
        let name = match self {
            Self::Vpc(_) | Self::InternetGatewayOf(_) => "vpc-id",
            Self::Subnet(_) => "subnet-id",
            Self::Group(_) => "group-id",
        };
        Filter::builder().name(name).values(self.id()).build()
    }
}

async fn find(cx: &Cx, used: Used<'_>) -> Result<Found> {
    let pages = cx.aws.ec2.describe_network_interfaces().filters(used.filter()).into_paginator().items().send();
    let mut interfaces: Vec<NetworkInterface> = cx.read("ec2:DescribeNetworkInterfaces", pages.collect::<Result<Vec<_>, _>>()).await?;
    if matches!(used, Used::InternetGatewayOf(_)) {
        interfaces.retain(|interface| interface.association().and_then(|association| association.public_ip()).is_some());
    }
    let staying = match used {
        Used::Group(id) => referring(cx, id).await?,
        Used::Vpc(id) => inside(cx, id).await?,
        Used::Subnet(_) | Used::InternetGatewayOf(_) => Vec::new(),
    };
    Ok(Found { lingering: interfaces.iter().map(blocker).collect(), staying })
}

/// Returns the other groups that have rules referring to this one.
async fn referring(cx: &Cx, id: &SecurityGroupId) -> Result<Vec<Blocker>> {
    let mut blockers = Vec::new();
    for (filter, what) in [("ip-permission.group-id", "inbound"), ("egress.ip-permission.group-id", "outbound")] {
        let filter = Filter::builder().name(filter).values(id).build();
        let pages = cx.aws.ec2.describe_security_groups().filters(filter).into_paginator().items().send();
        let groups = cx.read("ec2:DescribeSecurityGroups", pages.collect::<Result<Vec<_>, _>>()).await?;
        for group in groups.iter().filter(|group| group.group_id() != Some(id.as_str())) {
            let name = group.group_name().unwrap_or_default();
            let what = format!("the security group `{name}`, which has an {what} rule that refers to {id}");
            blockers.push(Blocker { id: group.group_id().unwrap_or("a security group").to_owned(), what });
        }
    }
    Ok(blockers)
}

/// Returns what is in a VPC besides network interfaces and what came with it.
async fn inside(cx: &Cx, id: &VpcId) -> Result<Vec<Blocker>> {
    let filter = |name: &str| Filter::builder().name(name).values(id).build();
    let blocker = |id: Option<&str>, what: String| Blocker { id: id.unwrap_or_default().to_owned(), what };
    let ec2 = &cx.aws.ec2;
    let mut found = Vec::new();
    let pages = ec2.describe_subnets().filters(filter("vpc-id")).into_paginator().items().send();
    for subnet in cx.read("ec2:DescribeSubnets", pages.collect::<Result<Vec<_>, _>>()).await? {
        found.push(blocker(subnet.subnet_id(), format!("a subnet with the range {}", subnet.cidr_block().unwrap_or_default())));
    }
    let pages = ec2.describe_security_groups().filters(filter("vpc-id")).into_paginator().items().send();
    for group in cx.read("ec2:DescribeSecurityGroups", pages.collect::<Result<Vec<_>, _>>()).await? {
        let name = group.group_name().unwrap_or_default();
        if name != "default" {
            found.push(blocker(group.group_id(), format!("the security group `{name}`")));
        }
    }
    let pages = ec2.describe_route_tables().filters(filter("vpc-id")).into_paginator().items().send();
    for table in cx.read("ec2:DescribeRouteTables", pages.collect::<Result<Vec<_>, _>>()).await? {
        if !table.associations().iter().any(|association| association.main() == Some(true)) {
            found.push(blocker(table.route_table_id(), "a route table".to_owned()));
        }
    }
    let pages = ec2.describe_internet_gateways().filters(filter("attachment.vpc-id")).into_paginator().items().send();
    for gateway in cx.read("ec2:DescribeInternetGateways", pages.collect::<Result<Vec<_>, _>>()).await? {
        found.push(blocker(gateway.internet_gateway_id(), "an internet gateway".to_owned()));
    }
    let pages = ec2.describe_vpc_endpoints().filters(filter("vpc-id")).into_paginator().items().send();
    for endpoint in cx.read("ec2:DescribeVpcEndpoints", pages.collect::<Result<Vec<_>, _>>()).await? {
        found.push(blocker(endpoint.vpc_endpoint_id(), format!("an endpoint for {}", endpoint.service_name().unwrap_or_default())));
    }
    Ok(found)
}

/// Says what an interface is and which service it belongs to.
pub(in crate::resources) fn blocker(interface: &NetworkInterface) -> Blocker {
    let description = interface.description().filter(|text| !text.is_empty()).unwrap_or("no description");
    let owner = interface.requester_id().map(|owner| format!(", made by {owner}")).unwrap_or_default();
    Blocker { id: interface.network_interface_id().unwrap_or("a network interface").to_owned(), what: format!("{description}{owner}") }
}
