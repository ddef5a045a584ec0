//! The quotas of a new account ("Amazon VPC quotas", "Quotas and constraints for Amazon RDS", "Quotas for your
//! Application Load Balancers", "Quotas for AWS Database Migration Service", "Amazon S3 quotas", "IAM and AWS STS
//! quotas").

/// The quotas by key, with their default values.
pub const QUOTAS: &[(&str, usize)] = &[
    ("vpcs", 5),
    ("internet_gateways", 5),
    ("elastic_ips", 5),
    ("nat_gateways_per_zone", 5),
    ("security_groups", 2500),
    ("rules_per_security_group", 60),
    ("db_instances", 40),
    ("load_balancers", 50),
    ("target_groups", 3000),
    ("replication_instances", 60),
    ("replication_endpoints", 1000),
    ("replication_tasks", 600),
    ("buckets", 10_000),
    ("roles", 1000),
    ("log_groups", 1_000_000),
];

/// Returns the default value of a quota, or no limit for an unknown key.
pub(super) fn default_quota(key: &str) -> usize {
    QUOTAS.iter().find(|(name, _)| *name == key).map_or(usize::MAX, |(_, value)| *value)
}
