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
const EMPTY_LOOKS: u32 = 18;

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
    let empty_looks = AtomicU32::new(0);
    let look = || async {
        let refusal = match delete().await {
            Ok(()) => return Ok(Progress::Reached(Ok(()))),
            Err(error) if error.is_code("DependencyViolation") || error.is_code("InvalidGroup.InUse") => error,
            Err(error) => return Err(error),
        };
        let found = find(cx, used).await?;
        Ok(match (found.lingering.as_slice(), found.staying.is_empty()) {
            ([], false) => Progress::Reached(Err(Error::Blocked(found.staying))),
            ([], true) if empty_looks.fetch_add(1, Ordering::Relaxed) >= EMPTY_LOOKS => Progress::Reached(Err(refusal)),
            ([], true) => Progress::Pending("still in use, says AWS, and shows nothing that uses it".to_owned()),
            (lingering, _) => {
                empty_looks.store(0, Ordering::Relaxed);
                Progress::Pending(format!("used by {}", lingering.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")))
            }
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
pub(super) async fn name_them(cx: &Cx, used: Used<'_>, error: Error) -> Error {
    match find(cx, used).await {
        Ok(Found { lingering, staying }) if !lingering.is_empty() || !staying.is_empty() => Error::Blocked(lingering.into_iter().chain(staying).collect()),
        _ => error,
    }
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
        _ => Vec::new(),
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

/// Says what an interface is and which service it belongs to.
pub(in crate::resources) fn blocker(interface: &NetworkInterface) -> Blocker {
    let description = interface.description().filter(|text| !text.is_empty()).unwrap_or("no description");
    let owner = interface.requester_id().map(|owner| format!(", made by {owner}")).unwrap_or_default();
    Blocker { id: interface.network_interface_id().unwrap_or("a network interface").to_owned(), what: format!("{description}{owner}") }
}
