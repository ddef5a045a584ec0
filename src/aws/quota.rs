//! Refusals because a quota is used up, in one table: which quota it is, and how to raise it.
//!
//! Codes: "Error codes for the Amazon EC2 API", and the errors of each operation in the API reference of its service.
//! Quotas: "Service Quotas" of each service in the AWS General Reference. Without a code, the service does not document
//! one; Service Quotas lists its quotas by name.

use super::error::{AwsError, ErrorKind};
use infra_base::address::Region;

/// A quota.
#[derive(Debug, PartialEq, Eq)]
pub struct Quota {
    /// The beginning of the names of the calls that it refuses.
    call: &'static str,
    /// The error code.
    code: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The service in Service Quotas.
    pub service: &'static str,
    /// The code in Service Quotas.
    pub quota: Option<&'static str>,
}

const fn quota_of(
    service: &'static str,
    call: &'static str,
    code: &'static str,
    name: &'static str,
    quota: Option<&'static str>,
) -> Quota {
    Quota { call, code, name, service, quota }
}

/// Services whose quotas count for the whole account, and are raised in `us-east-1`.
const GLOBAL: &[&str] = &["iam", "route53", "s3"];

/// Service in Service Quotas, call, error code, name of the quota, its code.
const TABLE: &[Quota] = &[
    quota_of("vpc", "ec2:", "VpcLimitExceeded", "VPCs per Region", Some("L-F678F1CE")),
    quota_of("ec2", "ec2:", "AddressLimitExceeded", "EC2-VPC Elastic IPs", Some("L-0263D0A3")),
    quota_of("vpc", "ec2:", "InternetGatewayLimitExceeded", "Internet gateways per Region", Some("L-A4707A72")),
    quota_of("vpc", "ec2:", "NatGatewayLimitExceeded", "NAT gateways per Availability Zone", Some("L-FE5A380F")),
    quota_of("vpc", "ec2:", "SecurityGroupLimitExceeded", "VPC security groups per Region", Some("L-E79EC296")),
    quota_of(
        "vpc",
        "ec2:",
        "RulesPerSecurityGroupLimitExceeded",
        "Inbound or outbound rules per security group",
        Some("L-0EA8095F"),
    ),
    quota_of(
        "vpc",
        "ec2:",
        "SecurityGroupsPerInterfaceLimitExceeded",
        "Security groups per network interface",
        Some("L-2AFB9258"),
    ),
    quota_of("vpc", "ec2:", "SubnetLimitExceeded", "Subnets per VPC", Some("L-407747CB")),
    quota_of("vpc", "ec2:", "VpcEndpointLimitExceeded", "Gateway VPC endpoints per Region", Some("L-1B52E74A")),
    quota_of("vpc", "ec2:", "RouteTableLimitExceeded", "Route tables per VPC", Some("L-589F43AA")),
    quota_of("vpc", "ec2:", "RouteLimitExceeded", "Routes per route table", Some("L-93826ACB")),
    quota_of("vpc", "ec2:", "VpcPeeringConnectionsPerVpcLimitExceeded", "Active VPC peering connections per VPC", None),
    quota_of(
        "vpc",
        "ec2:",
        "OutstandingVpcPeeringConnectionLimitExceeded",
        "Outstanding VPC peering connection requests",
        Some("L-DC9F7029"),
    ),
    quota_of("rds", "rds:", "InstanceQuotaExceeded", "DB instances", Some("L-7B6409FD")),
    quota_of("rds", "rds:", "StorageQuotaExceeded", "Total storage for all DB instances", None),
    quota_of("rds", "rds:", "SnapshotQuotaExceeded", "Manual DB instance snapshots", None),
    quota_of("rds", "rds:", "DBSubnetGroupQuotaExceeded", "DB subnet groups", None),
    quota_of("rds", "rds:", "DBParameterGroupQuotaExceeded", "Parameter groups", None),
    quota_of(
        "elasticloadbalancing",
        "elasticloadbalancing:",
        "TooManyLoadBalancers",
        "Application Load Balancers per Region",
        Some("L-53DA6B97"),
    ),
    quota_of(
        "elasticloadbalancing",
        "elasticloadbalancing:",
        "TooManyTargetGroups",
        "Target Groups per Region",
        Some("L-B22855CB"),
    ),
    quota_of(
        "elasticloadbalancing",
        "elasticloadbalancing:",
        "TooManyListeners",
        "Listeners per Application Load Balancer",
        None,
    ),
    quota_of(
        "elasticloadbalancing",
        "elasticloadbalancing:",
        "TooManyRules",
        "Rules per Application Load Balancer",
        None,
    ),
    quota_of(
        "dms",
        "dms:CreateReplicationInstance",
        "ResourceQuotaExceededFault",
        "Replication instances per account",
        None,
    ),
    quota_of(
        "dms",
        "dms:CreateReplicationSubnetGroup",
        "ResourceQuotaExceededFault",
        "Replication subnet groups",
        None,
    ),
    quota_of("dms", "dms:CreateEndpoint", "ResourceQuotaExceededFault", "Endpoints per account", None),
    quota_of("dms", "dms:CreateReplicationTask", "ResourceQuotaExceededFault", "Tasks per account", None),
    quota_of("dms", "dms:", "StorageQuotaExceededFault", "Total storage of replication instances", None),
    quota_of("s3", "s3:", "TooManyBuckets", "Buckets", Some("L-DC2B2D3D")),
    quota_of("iam", "iam:CreateRole", "LimitExceeded", "Roles per account", Some("L-FE177D64")),
    quota_of("iam", "iam:AttachRolePolicy", "LimitExceeded", "Managed policies attached to an IAM role", None),
    quota_of("logs", "logs:CreateLogGroup", "LimitExceededException", "Log groups", None),
    quota_of("ecs", "ecs:CreateCluster", "LimitExceededException", "Clusters per account", None),
    quota_of("ecs", "ecs:CreateService", "LimitExceededException", "Services per cluster", None),
    quota_of("secretsmanager", "secretsmanager:", "LimitExceededException", "Secrets per Region", None),
    quota_of("monitoring", "cloudwatch:PutMetricAlarm", "LimitExceeded", "Alarms per Region", None),
    quota_of("lambda", "lambda:", "CodeStorageExceededException", "Function and layer storage", None),
    quota_of("route53", "route53:", "TooManyHostedZones", "Hosted zones", None),
    quota_of("route53", "route53:", "TooManyHealthChecks", "Health checks", None),
    quota_of(
        "application-autoscaling",
        "application-autoscaling:",
        "LimitExceededException",
        "Scalable targets per resource type",
        None,
    ),
];

/// Returns the quota that a refusal names.
pub fn quota(error: &AwsError) -> Option<&'static Quota> {
    if error.kind != ErrorKind::Refused {
        return None;
    }
    let code = error.code.as_deref()?;
    // RDS and Elastic Load Balancing answer with the name of the exception or without its end, depending on the SDK.
    let same =
        |known: &str| code == known || code.strip_suffix("Fault").or(code.strip_suffix("Exception")) == Some(known);
    TABLE.iter().find(|one| error.call.starts_with(one.call) && same(one.code))
}

/// Returns the command that asks for another value of a quota.
pub fn raise_command(service: &str, code: &str, value: &str, region: &str) -> String {
    format!(
        "aws service-quotas request-service-quota-increase --service-code {service} --quota-code {code} \
         --desired-value {value} --region {region}"
    )
}

impl Quota {
    /// Returns what to do, as a hint. `region` is that of the refused call.
    pub fn hint(&self, region: &Region) -> String {
        let Self { name, service, .. } = self;
        let region = if GLOBAL.contains(service) { "us-east-1" } else { region.as_str() };
        let raise = match self.quota {
            Some(code) => format!("`{}` raises it", raise_command(service, code, "N", region)),
            None => format!("Service Quotas raises it: the service `{service}` in the console, or AWS Support"),
        };
        format!("the quota \"{name}\" of this account is used up: delete what is not needed any more, or {raise}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CallOutcome;

    fn refusal(call: &str, code: &str) -> AwsError {
        AwsError {
            call: call.to_owned(),
            code: Some(code.to_owned()),
            message: String::new(),
            request_id: None,
            outcome: CallOutcome::NotDone,
            kind: ErrorKind::Refused,
        }
    }

    #[test]
    fn a_refusal_names_its_quota() {
        let name = |call, code| quota(&refusal(call, code)).map(|quota| (quota.name, quota.quota));
        assert_eq!(name("ec2:CreateVpc", "VpcLimitExceeded"), Some(("VPCs per Region", Some("L-F678F1CE"))));
        assert_eq!(name("rds:CreateDBInstance", "InstanceQuotaExceeded"), Some(("DB instances", Some("L-7B6409FD"))));
        assert_eq!(name("rds:CreateDBInstance", "InstanceQuotaExceededFault"), name("rds:X", "InstanceQuotaExceeded"));
        assert_eq!(name("dms:CreateEndpoint", "ResourceQuotaExceededFault"), Some(("Endpoints per account", None)));
        assert_eq!(name("dms:CreateReplicationTask", "ResourceQuotaExceededFault"), Some(("Tasks per account", None)));
        assert_eq!(name("iam:CreateRole", "LimitExceeded"), Some(("Roles per account", Some("L-FE177D64"))));
        assert_eq!(name("ec2:CreateVpc", "InvalidVpc.Range"), None);
        assert_eq!(name("ec2:CreateVpc", "RequestLimitExceeded"), None);
        let busy = AwsError { kind: ErrorKind::Throttled, ..refusal("ec2:CreateVpc", "VpcLimitExceeded") };
        assert_eq!(quota(&busy), None);
    }

    #[test]
    fn a_hint_says_how_to_raise_it() {
        let hint = |call, code| quota(&refusal(call, code)).map(|quota| quota.hint(&"eu-west-1".into())).unwrap();
        let address = hint("ec2:AllocateAddress", "AddressLimitExceeded");
        assert!(
            address.contains("--service-code ec2 --quota-code L-0263D0A3 --desired-value N --region eu-west-1`"),
            "{address}"
        );
        let bucket = hint("s3:CreateBucket", "TooManyBuckets");
        assert!(bucket.contains("--quota-code L-DC2B2D3D --desired-value N --region us-east-1`"), "{bucket}");
        let task = hint("dms:CreateReplicationTask", "ResourceQuotaExceededFault");
        assert!(task.contains("the service `dms`"), "{task}");
    }
}
