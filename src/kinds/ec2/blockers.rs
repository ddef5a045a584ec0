//! What blocks a deletion: network interfaces and rules that refer to a group, with their owners.
//!
//! An interface that AWS releases by itself, because its resource is deleted, is waited for. Everything else stays
//! until somebody removes it, and is named after half a minute. What GuardDuty left is removed.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use aws_sdk_ec2::types::{Filter, NetworkInterface, VpcPeeringConnection};

use super::endpoint_state::is_deleting;
use super::guardduty;
use super::interface_owner::{InterfaceOwner, owners};
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
    Vpc {
        /// The VPC.
        id: &'a VpcId,
        /// Whether what GuardDuty left in it is removed.
        remove_guardduty: bool,
    },
    /// A subnet: interfaces in it.
    Subnet {
        /// The subnet.
        id: &'a SubnetId,
        /// Whether GuardDuty's endpoint is removed from it.
        remove_guardduty: bool,
    },
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
    /// What GuardDuty left, and is removed.
    guardduty: guardduty::Leftovers,
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
    let noticed = AtomicBool::new(false);
    let attempt = || async {
        let refusal = match delete().await {
            Ok(()) => return Ok(Progress::Reached(Ok(()))),
            Err(error) if error.is_code("DependencyViolation") || error.is_code("InvalidGroup.InUse") => error,
            Err(error) => return Err(error),
        };
        let Blockers { interfaces, permanent, guardduty } = find(cx, target).await?;
        // Where something of somebody else stays, GuardDuty may watch it.
        if !guardduty.is_empty() && permanent.is_empty() {
            if !noticed.swap(true, Ordering::Relaxed) {
                cx.notice(format!("removes what GuardDuty left, because GuardDuty does not: {guardduty}"));
            }
            guardduty.remove(cx, target.subnet()).await?;
        }
        // Somebody else's do not go away while ours do.
        let reads = reads_without_progress.fetch_add(1, Ordering::Relaxed);
        if !permanent.is_empty() {
            let all: Vec<Blocker> = interfaces.into_iter().chain(guardduty.blockers()).collect();
            return Ok(match reads >= READS_OF_PERMANENT {
                true => Progress::Reached(Err(Error::Blocked(permanent.into_iter().chain(all).collect()))),
                false => Progress::Pending(format!("used by {}", join(&permanent))),
            });
        }
        if !interfaces.is_empty() || !guardduty.is_empty() {
            reads_without_progress.store(0, Ordering::Relaxed);
            let all: Vec<Blocker> = interfaces.into_iter().chain(guardduty.blockers()).collect();
            return Ok(Progress::Pending(format!("used by {}", join(&all))));
        }
        Ok(match reads >= READS_WITHOUT_BLOCKER {
            true => Progress::Reached(Err(refusal)),
            false => Progress::Pending("AWS reports that it is in use, but shows no user".to_owned()),
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
    let target = Target::Vpc { id: vpc, remove_guardduty: false };
    let Blockers { interfaces, permanent, guardduty } = find(cx, target).await?;
    if !interfaces.is_empty() || !permanent.is_empty() || !guardduty.is_empty() {
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
        Ok(Blockers { interfaces, permanent, guardduty }) => {
            let all: Vec<Blocker> = permanent.into_iter().chain(interfaces).chain(guardduty.blockers()).collect();
            if all.is_empty() { error } else { Error::Blocked(all) }
        }
        Err(_) => error,
    }
}

fn join(blockers: &[Blocker]) -> String {
    blockers.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Target<'_> {
    fn id(&self) -> &str {
        match self {
            Self::Vpc { id, .. } | Self::InternetGatewayOf(id) => id.as_str(),
            Self::Subnet { id, .. } => id.as_str(),
            Self::Group(id) => id.as_str(),
        }
    }

    /// Returns the filter that finds the interfaces.
    fn filter(&self) -> Filter {
        let name = match self {
            Self::Vpc { .. } | Self::InternetGatewayOf(_) => "vpc-id",
            Self::Subnet { .. } => "subnet-id",
            Self::Group(_) => "group-id",
        };
        Filter::builder().name(name).values(self.id()).build()
    }

    fn subnet(&self) -> Option<&SubnetId> {
        if let Self::Subnet { id, .. } = self { Some(id) } else { None }
    }

    /// Returns whether what GuardDuty left is removed. A security group of this stack and an internet gateway are not
    /// in its way.
    fn removes_guardduty(&self) -> bool {
        matches!(self, Self::Vpc { remove_guardduty: true, .. } | Self::Subnet { remove_guardduty: true, .. })
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
    let mut blockers = Blockers {
        interfaces: Vec::new(),
        permanent: match target {
            Target::Group(id) => referring(cx, id).await?,
            Target::Vpc { .. } | Target::Subnet { .. } | Target::InternetGatewayOf(_) => Vec::new(),
        },
        guardduty: guardduty::Leftovers::default(),
    };
    for (interface, owner) in interfaces.iter().zip(owners(cx, &interfaces).await?) {
        match owner {
            InterfaceOwner::Released => blockers.interfaces.push(blocker(interface)),
            InterfaceOwner::GuardDuty(endpoint) if target.removes_guardduty() => blockers.guardduty.add(*endpoint),
            InterfaceOwner::GuardDuty(endpoint) => blockers.permanent.push(guardduty::blocker(&endpoint)),
            InterfaceOwner::Foreign => blockers.permanent.push(blocker(interface)),
        }
    }
    if let Target::Vpc { id, remove_guardduty } = target {
        inside(cx, id, remove_guardduty, &mut blockers).await?;
    }
    blockers.permanent.dedup();
    Ok(blockers)
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

/// Adds what a VPC contains besides network interfaces and the resources that AWS created with it.
async fn inside(cx: &StepContext, id: &VpcId, remove_guardduty: bool, blockers: &mut Blockers) -> Result<()> {
    let filter = |name: &str| Filter::builder().name(name).values(id).build();
    let blocker = |id: Option<&str>, what: String| Blocker { id: id.unwrap_or_default().to_owned(), what };
    let ec2 = &cx.aws.ec2;
    let found = &mut blockers.permanent;
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
        if remove_guardduty && guardduty::is_group(&group, id) {
            blockers.guardduty.add_group(&group);
        } else if name != "default" {
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
        if guardduty::is_endpoint(&endpoint) && remove_guardduty {
            blockers.guardduty.add(endpoint);
        } else if is_deleting(&endpoint) {
            let what =
                format!("an endpoint for {}, which is being deleted", endpoint.service_name().unwrap_or_default());
            blockers.interfaces.push(blocker(endpoint.vpc_endpoint_id(), what));
        } else {
            let what = format!("an endpoint for {}", endpoint.service_name().unwrap_or_default());
            found.push(blocker(endpoint.vpc_endpoint_id(), what));
        }
    }
    Ok(())
}

/// Describes an interface and the service that owns it.
pub(crate) fn blocker(interface: &NetworkInterface) -> Blocker {
    let description = interface.description().filter(|text| !text.is_empty()).unwrap_or("no description");
    let owner = match interface.attachment().and_then(|attachment| attachment.instance_id()) {
        Some(instance) => format!(", attached to the instance {instance}"),
        None => interface.requester_id().map(|owner| format!(", created by {owner}")).unwrap_or_default(),
    };
    Blocker {
        id: interface.network_interface_id().unwrap_or("a network interface").to_owned(),
        what: format!("{description}{owner}"),
    }
}
