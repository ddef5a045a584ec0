//! Refusals because of quotas, with the codes of AWS.

use super::registry::{Call, Rejection, refuse};

/// The refusal of each quota: "Error codes for the Amazon EC2 API", and the errors of CreateDBInstance,
/// CreateLoadBalancer, CreateTargetGroup, CreateReplicationInstance, CreateBucket, CreateRole and CreateLogGroup.
const REFUSALS: &[(&str, &str, &str)] = &[
    ("vpcs", "VpcLimitExceeded", "The maximum number of VPCs has been reached."),
    ("internet_gateways", "InternetGatewayLimitExceeded", "The maximum number of internet gateways has been reached."),
    ("elastic_ips", "AddressLimitExceeded", "The maximum number of addresses has been reached."),
    (
        "nat_gateways_per_zone",
        "NatGatewayLimitExceeded",
        "Performing this operation would exceed the limit of NAT gateways in this Availability Zone",
    ),
    ("security_groups", "SecurityGroupLimitExceeded", "The maximum number of security groups has been reached."),
    (
        "rules_per_security_group",
        "RulesPerSecurityGroupLimitExceeded",
        "The maximum number of rules per security group has been reached.",
    ),
    ("db_instances", "InstanceQuotaExceeded", "DB Instance quota exceeded"),
    ("load_balancers", "TooManyLoadBalancers", "The maximum number of load balancers has been reached"),
    ("target_groups", "TooManyTargetGroups", "The maximum number of target groups has been reached"),
    ("replication_instances", "ResourceQuotaExceededFault", "Quota of replication instances exceeded"),
    ("replication_endpoints", "ResourceQuotaExceededFault", "Quota of endpoints exceeded"),
    ("replication_tasks", "ResourceQuotaExceededFault", "Quota of replication tasks exceeded"),
    ("buckets", "TooManyBuckets", "You have attempted to create more buckets than allowed"),
    ("roles", "LimitExceeded", "Cannot exceed quota for RolesPerAccount"),
    ("log_groups", "LimitExceededException", "Resource limit exceeded."),
];

/// Checks that one more fits.
pub(super) fn check(call: &Call<'_>, key: &'static str, used: usize) -> Result<(), Rejection> {
    check_all(call, key, used, 1)
}

/// Checks that `more` of them fit.
pub(super) fn check_all(call: &Call<'_>, key: &'static str, used: usize, more: usize) -> Result<(), Rejection> {
    if used + more <= call.world.quota(key) {
        return Ok(());
    }
    match REFUSALS.iter().find(|(name, ..)| *name == key) {
        Some((_, code, message)) => refuse(code, *message),
        None => refuse("SandboxFault", format!("the quota {key} has no refusal")),
    }
}

#[cfg(test)]
mod tests {
    use super::REFUSALS;
    use crate::world::quotas::QUOTAS;

    #[test]
    fn every_quota_has_a_refusal() {
        let keys = |all: &[&str]| all.iter().map(|key| (*key).to_owned()).collect::<Vec<_>>();
        let known: Vec<&str> = QUOTAS.iter().map(|(key, _)| *key).collect();
        let refused: Vec<&str> = REFUSALS.iter().map(|(key, ..)| *key).collect();
        assert_eq!(keys(&known), keys(&refused));
    }
}
