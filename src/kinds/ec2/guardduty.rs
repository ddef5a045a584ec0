//! What GuardDuty leaves in a VPC: an interface endpoint and its security group.
//!
//! With Runtime Monitoring, GuardDuty creates both in every VPC in which monitored tasks run. It does not delete them:
//! "If required, you will need to delete the VPC endpoint manually" (GuardDuty User Guide, "Disabling, uninstalling,
//! and cleaning up resources in Runtime Monitoring"). They block the deletion of the subnets and of the VPC
//! (hashicorp/terraform-provider-aws#46747).

use std::fmt;

use aws_sdk_ec2::types::{SecurityGroup, Tag, VpcEndpoint};

use super::endpoint_state::is_deleting;
use infra_base::address::{SubnetId, VpcId};
use infra_core::resource::{Blocker, Error, Result, StepContext, ignore_codes};

/// The tag of both, with the value `true`.
const MANAGED: &str = "GuardDutyManaged";
/// The name of the group, before the id of the VPC.
const GROUP_PREFIX: &str = "GuardDutyManagedSecurityGroup-";
/// The end of the service's name, after `com.amazonaws.REGION`. With FIPS, `guardduty-data-fips`.
const SERVICES: &[&str] = &[".guardduty-data", ".guardduty-data-fips"];
/// A policy of the organization can protect them.
const DENIED: &[&str] = &["UnauthorizedOperation", "AccessDenied", "AccessDeniedException"];

fn is_managed(tags: &[Tag]) -> bool {
    tags.iter().any(|tag| tag.key() == Some(MANAGED) && tag.value() == Some("true"))
}

/// Returns whether an endpoint is GuardDuty's. One that somebody created for GuardDuty by hand has no such tag.
pub(super) fn is_endpoint(endpoint: &VpcEndpoint) -> bool {
    let service = endpoint.service_name().unwrap_or_default();
    is_managed(endpoint.tags()) && SERVICES.iter().any(|end| service.ends_with(end))
}

/// Returns whether a security group is the one of GuardDuty's endpoint in this VPC.
pub(super) fn is_group(group: &SecurityGroup, vpc: &VpcId) -> bool {
    let name = group.group_name().and_then(|name| name.strip_prefix(GROUP_PREFIX));
    is_managed(group.tags()) && name == Some(vpc.as_str())
}

/// Describes the endpoint.
pub(super) fn blocker(endpoint: &VpcEndpoint) -> Blocker {
    Blocker {
        id: endpoint.vpc_endpoint_id().unwrap_or("an endpoint").to_owned(),
        what: "the endpoint of GuardDuty, which GuardDuty does not delete".to_owned(),
    }
}

fn group_blocker(id: &str) -> Blocker {
    Blocker { id: id.to_owned(), what: "the security group of GuardDuty's endpoint".to_owned() }
}

/// What GuardDuty left.
#[derive(Default)]
pub(super) struct Leftovers {
    endpoints: Vec<VpcEndpoint>,
    groups: Vec<String>,
}

impl Leftovers {
    /// Adds an endpoint, once.
    pub(super) fn add(&mut self, endpoint: VpcEndpoint) {
        if self.endpoints.iter().all(|other| other.vpc_endpoint_id() != endpoint.vpc_endpoint_id()) {
            self.endpoints.push(endpoint);
        }
    }

    /// Adds the group of an endpoint.
    pub(super) fn add_group(&mut self, group: &SecurityGroup) {
        self.groups.extend(group.group_id().map(str::to_owned));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.endpoints.is_empty() && self.groups.is_empty()
    }

    /// Returns them as blockers, for as long as they exist.
    pub(super) fn blockers(&self) -> Vec<Blocker> {
        self.endpoints.iter().map(blocker).chain(self.groups.iter().map(|id| group_blocker(id))).collect()
    }

    /// Removes them: from one subnet, as far as the endpoint has others, or altogether. A group is removed after its
    /// endpoint, so a later read finds it again.
    ///
    /// # Errors
    /// [`Error::Blocked`] if these credentials must not remove them, or the error of a call.
    pub(super) async fn remove(&self, cx: &StepContext, subnet: Option<&SubnetId>) -> Result<()> {
        for endpoint in &self.endpoints {
            let Some(id) = endpoint.vpc_endpoint_id().filter(|_| !is_deleting(endpoint)) else { continue };
            let others = endpoint.subnet_ids().iter().any(|other| Some(other.as_str()) != subnet.map(SubnetId::as_str));
            let removed = match subnet {
                Some(subnet) if others => leave_subnet(cx, id, endpoint, subnet).await,
                _ => delete(cx, id).await,
            };
            allowed(removed, || blocker(endpoint))?;
        }
        for id in self.groups.iter().filter(|_| self.endpoints.is_empty()) {
            let call = || cx.aws.ec2.delete_security_group().group_id(id).send();
            // Its interfaces can exist a little longer than the endpoint.
            let after = ["InvalidGroup.NotFound", "DependencyViolation"];
            let removed = ignore_codes(cx.mutate("ec2:DeleteSecurityGroup", call).await, &after).map(drop);
            allowed(removed, || group_blocker(id))?;
        }
        Ok(())
    }
}

impl fmt::Display for Leftovers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let all = self.blockers();
        f.write_str(&all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))
    }
}

fn allowed(removed: Result<()>, blocker: impl FnOnce() -> Blocker) -> Result<()> {
    match removed {
        Err(error) if DENIED.iter().any(|code| error.is_code(code)) => {
            let Blocker { id, what } = blocker();
            let what = format!("{what}; these credentials are not allowed to remove it");
            Err(Error::Blocked(vec![Blocker { id, what }]))
        }
        other => other,
    }
}

/// Takes the endpoint out of one subnet, so that it stays in use in the others.
async fn leave_subnet(cx: &StepContext, id: &str, endpoint: &VpcEndpoint, subnet: &SubnetId) -> Result<()> {
    if endpoint.subnet_ids().iter().all(|other| other != subnet.as_str()) {
        return Ok(());
    }
    let call = || cx.aws.ec2.modify_vpc_endpoint().vpc_endpoint_id(id).remove_subnet_ids(subnet.as_str()).send();
    // Another subnet's removal can be in progress, or may have made this subnet the last one; the next read tells.
    let busy = ["IncorrectState", "InvalidState", "InvalidParameter", "OperationInProgress"];
    let gone = ["InvalidVpcEndpointId.NotFound", "InvalidVpcEndpoint.NotFound"];
    let codes: Vec<&str> = busy.into_iter().chain(gone).collect();
    ignore_codes(cx.mutate("ec2:ModifyVpcEndpoint", call).await, &codes).map(drop)
}

async fn delete(cx: &StepContext, id: &str) -> Result<()> {
    let call = || cx.aws.ec2.delete_vpc_endpoints().vpc_endpoint_ids(id).send();
    let answer = cx.mutate("ec2:DeleteVpcEndpoints", call).await?;
    // The call succeeds even when it deletes nothing; the response then has the reason.
    let refused = answer.unsuccessful().iter().find_map(|item| item.error());
    match refused.filter(|error| !error.code().unwrap_or_default().ends_with(".NotFound")) {
        Some(error) if DENIED.contains(&error.code().unwrap_or_default()) => {
            let what = "the endpoint of GuardDuty; these credentials are not allowed to delete it".to_owned();
            Err(Error::Blocked(vec![Blocker { id: id.to_owned(), what }]))
        }
        Some(error) => Err(Error::Failed {
            what: format!("the deletion of the endpoint {id} of GuardDuty"),
            status: error.code().unwrap_or("unknown").to_owned(),
            reason: error.message().map(str::to_owned),
        }),
        None => Ok(()),
    }
}
