//! What blocks a deletion: network interfaces and rules that refer to a group, with their owners.

use std::sync::atomic::{AtomicU32, Ordering};

use aws_sdk_ec2::types::{Filter, NetworkInterface, VpcPeeringConnection};

use infra_aws::{Progress, Wait};
use infra_base::address::{SecurityGroupId, SubnetId, VpcId};
use infra_core::resource::{Blocker, Error, Result, StepContext};

/// How long interfaces can outlive their resource: those of load balancers and Fargate tasks up to 20 minutes.
pub(crate) const INTERFACE_DELETION_SECONDS: u64 = 25 * 60;
const POLL_SECONDS: u64 = 10;
/// EC2 can refuse the deletion for a while after the last blocker has disappeared from its responses. So many reads
/// without a blocker, three minutes, are enough.
const READS_WITHOUT_BLOCKER: u32 = 18;
/// A permanent blocker may be deleted already and only still be listed: half a minute.
const READS_OF_PERMANENT: u32 = 3;

/// What is to be deleted, which determines where to search for blockers.
#[derive(Clone, Copy)]
pub(super) enum Target<'a> {
    /// A VPC: everything in it.
    Vpc(&'a VpcId),
    /// A subnet: interfaces in it.
    Subnet(&'a SubnetId),
    /// A security group: interfaces, and rules of other groups.
    Group(&'a SecurityGroupId),
    /// The internet gateway of this VPC: interfaces with public addresses.
    InternetGatewayOf(&'a VpcId),
}

/// The blockers.
struct Blockers {
    /// Interfaces, which AWS deletes some time after their resource.
    interfaces: Vec<Blocker>,
    /// Blockers that remain until somebody removes them.
    permanent: Vec<Blocker>,
}

/// Deletes a resource that network interfaces can block for a while. While AWS reports dependencies, it waits until the
/// interfaces no longer exist. If they remain, the error names them and their owners.
///
/// # Errors
/// [`Error::Blocked`] when they remain, or the error of `delete`.
pub(super) async fn delete_when_free<Fut>(
    cx: &StepContext,
    target: Target<'_>,
    delete: impl Fn() -> Fut + Send + Sync,
) -> Result<()>
where
    Fut: Future<Output = Result<()>> + Send,
{
    let reads_without_progress = AtomicU32::new(0);
    let attempt = || async {
        let refusal = match delete().await {
            Ok(()) => return Ok(Progress::Reached(Ok(()))),
            Err(error) if error.is_code("DependencyViolation") || error.is_code("InvalidGroup.InUse") => error,
            Err(error) => return Err(error),
        };
        let Blockers { interfaces, permanent } = find(cx, target).await?;
        if !interfaces.is_empty() {
            reads_without_progress.store(0, Ordering::Relaxed);
            return Ok(Progress::Pending(format!("used by {}", join(&interfaces))));
        }
        let reads = reads_without_progress.fetch_add(1, Ordering::Relaxed);
        Ok(match permanent.is_empty() {
            true if reads >= READS_WITHOUT_BLOCKER => Progress::Reached(Err(refusal)),
            true => Progress::Pending("AWS reports that it is in use, but shows no user".to_owned()),
            false if reads >= READS_OF_PERMANENT => Progress::Reached(Err(Error::Blocked(permanent))),
            false => Progress::Pending(format!("used by {}", join(&permanent))),
        })
    };
    let id = target.id();
    match cx
        .wait(
            Wait::new(format!("the resources that use {id} to be deleted"), POLL_SECONDS, INTERFACE_DELETION_SECONDS),
            attempt,
        )
        .await
    {
        Ok(result) => result,
        Err(Error::Timeout { .. }) => match delete().await {
            Ok(()) => Ok(()),
            Err(error) => Err(named_error(cx, target, error).await),
        },
        Err(other) => Err(other),
    }
}

/// Returns whether a VPC has nothing but what AWS creates with it. A peering does not prevent its deletion, so it is
/// asked for separately.
///
/// # Errors
/// The error of EC2.
pub(super) async fn is_empty(cx: &StepContext, vpc: &VpcId) -> Result<bool> {
    let Blockers { interfaces, permanent } = find(cx, Target::Vpc(vpc)).await?;
    if !interfaces.is_empty() || !permanent.is_empty() {
        return Ok(false);
    }
    for side in ["requester-vpc-info.vpc-id", "accepter-vpc-info.vpc-id"] {
        let filter = Filter::builder().name(side).values(vpc).build();
        let pages = cx.aws.ec2.describe_vpc_peering_connections().filters(filter).into_paginator().items().send();
        let found = cx.read("ec2:DescribeVpcPeeringConnections", pages.collect::<Result<Vec<_>, _>>()).await?;
        let is_over = |code: &str| ["deleted", "deleting", "expired", "failed", "rejected"].contains(&code);
        let code = |peering: &VpcPeeringConnection| Some(peering.status()?.code()?.as_str().to_owned());
        if found.iter().any(|peering| !code(peering).is_some_and(|code| is_over(&code))) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Replaces the error "has dependencies" by the list of dependents. Returns the original error when it finds none.
async fn named_error(cx: &StepContext, target: Target<'_>, error: Error) -> Error {
    match find(cx, target).await {
        Ok(Blockers { interfaces, permanent }) if !interfaces.is_empty() || !permanent.is_empty() => {
            Error::Blocked(interfaces.into_iter().chain(permanent).collect())
        }
        _ => error,
    }
}

fn join(blockers: &[Blocker]) -> String {
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Target<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Vpc(id) | Self::InternetGatewayOf(id) => id.as_str(),
            Self::Subnet(id) => id.as_str(),
            Self::Group(id) => id.as_str(),
        }
    }

    /// Returns the filter that finds the interfaces.
    fn filter(&self) -> Filter {
        let name = match self {
            Self::Vpc(_) | Self::InternetGatewayOf(_) => "vpc-id",
            Self::Subnet(_) => "subnet-id",
            Self::Group(_) => "group-id",
        };
        Filter::builder().name(name).values(self.id()).build()
    }
}

async fn find(cx: &StepContext, target: Target<'_>) -> Result<Blockers> {
    let pages = cx.aws.ec2.describe_network_interfaces().filters(target.filter()).into_paginator().items().send();
    let mut interfaces: Vec<NetworkInterface> =
        cx.read("ec2:DescribeNetworkInterfaces", pages.collect::<Result<Vec<_>, _>>()).await?;
    if matches!(target, Target::InternetGatewayOf(_)) {
        interfaces
            .retain(|interface| interface.association().and_then(|association| association.public_ip()).is_some());
    }
    let permanent = match target {
        Target::Group(id) => referring(cx, id).await?,
        Target::Vpc(id) => inside(cx, id).await?,
        Target::Subnet(_) | Target::InternetGatewayOf(_) => Vec::new(),
    };
    Ok(Blockers { interfaces: interfaces.iter().map(blocker).collect(), permanent })
}

/// Returns the other groups that have rules referring to this one.
async fn referring(cx: &StepContext, id: &SecurityGroupId) -> Result<Vec<Blocker>> {
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

/// Returns what a VPC contains besides network interfaces and the resources that AWS created with it.
async fn inside(cx: &StepContext, id: &VpcId) -> Result<Vec<Blocker>> {
    let filter = |name: &str| Filter::builder().name(name).values(id).build();
    let blocker = |id: Option<&str>, what: String| Blocker { id: id.unwrap_or_default().to_owned(), what };
    let ec2 = &cx.aws.ec2;
    let mut found = Vec::new();
    let pages = ec2.describe_subnets().filters(filter("vpc-id")).into_paginator().items().send();
    for subnet in cx.read("ec2:DescribeSubnets", pages.collect::<Result<Vec<_>, _>>()).await? {
        found.push(blocker(
            subnet.subnet_id(),
            format!("a subnet with the range {}", subnet.cidr_block().unwrap_or_default()),
        ));
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
        found.push(blocker(
            endpoint.vpc_endpoint_id(),
            format!("an endpoint for {}", endpoint.service_name().unwrap_or_default()),
        ));
    }
    Ok(found)
}

/// Describes an interface and the service that owns it.
pub(crate) fn blocker(interface: &NetworkInterface) -> Blocker {
    let description = interface.description().filter(|text| !text.is_empty()).unwrap_or("no description");
    let owner = interface.requester_id().map(|owner| format!(", created by {owner}")).unwrap_or_default();
    Blocker {
        id: interface.network_interface_id().unwrap_or("a network interface").to_owned(),
        what: format!("{description}{owner}"),
    }
}
