//! What a command calls.

use infra_core::resource::Kind;
use serde_json::Value;

use super::table::{Level, action};

/// The commands that a policy can be for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// Commands that change nothing: `plan`, `status`, `drift`, `watch` and others.
    ReadOnly,
    /// `up` and `rollback`: they create, change and delete.
    Up,
    /// `down`.
    Down,
    /// `replication`.
    Replication,
    /// `traffic`.
    Traffic,
    /// `cutover`, which includes the traffic and the replication.
    Cutover,
}

/// What every command calls.
const ALWAYS: &[&str] = &["sts:GetCallerIdentity"];

/// What a command that lists what AWS has for this stack calls, whatever kinds there are.
const LISTS: &[&str] = &["tag:GetResources", "iam:ListRoles", "iam:ListRoleTags"];

/// What the checks before `up` call, apart from what the kinds read. Without a permission, a check is left out.
const PREFLIGHT: &[&str] = &[
    "acm:DescribeCertificate",
    "cloudwatch:GetMetricData",
    "dms:DescribeAccountAttributes",
    "ec2:DescribeAddresses",
    "iam:GetAccountSummary",
    "iam:GetRole",
    "iam:SimulatePrincipalPolicy",
    "logs:DescribeLogGroups",
    "rds:DescribeAccountAttributes",
    "route53:GetHostedZone",
    "s3:ListBuckets",
    "servicequotas:GetAWSDefaultServiceQuota",
    "servicequotas:GetServiceQuota",
    "servicequotas:ListServiceQuotas",
];

/// What a migration reads, and the commands that show it.
const MIGRATION: &[&str] = &[
    "cloudwatch:DescribeAlarms",
    "cloudwatch:GetMetricData",
    "dms:DescribeConnections",
    "dms:DescribeTableStatistics",
    "elasticloadbalancing:DescribeTargetHealth",
    "route53:GetChange",
];

/// What `traffic` calls in addition to what reads.
const TRAFFIC: &[&str] = &["route53:ChangeResourceRecordSets"];

/// What `replication` calls in addition to what reads.
const REPLICATION: &[&str] = &["dms:StartReplicationTask", "dms:StopReplicationTask", "dms:TestConnection"];

/// Calls that read, but return what is confidential.
const CONFIDENTIAL: &[&str] = &["secretsmanager:GetSecretValue", "s3:GetObject"];

impl Access {
    /// Returns the operations that the command calls for a resource.
    pub(crate) fn operations(self, kind: &dyn Kind, spec: &Value) -> Vec<&'static str> {
        let schema = kind.schema();
        let applies = |operation: &&'static str| kind.operation_applies(spec, operation);
        let changes: Vec<&str> =
            [schema.creates, schema.changes, schema.deletes, schema.tag_calls].into_iter().flatten().copied().collect();
        schema
            .operations
            .iter()
            .copied()
            .filter(|operation| match self {
                Self::Up => true,
                Self::Down => schema.deletes.contains(operation) || !changes.contains(operation),
                Self::ReadOnly | Self::Replication | Self::Traffic | Self::Cutover => {
                    !changes.contains(operation) && reads(operation)
                }
            })
            .filter(applies)
            .collect()
    }

    /// Returns the operations that the command calls independently of single resources.
    pub(crate) fn general(self) -> Vec<&'static str> {
        let own: &[&[&str]] = match self {
            Self::ReadOnly => &[LISTS, PREFLIGHT, MIGRATION],
            Self::Up => &[LISTS, PREFLIGHT],
            Self::Down => &[LISTS],
            Self::Replication => &[MIGRATION, REPLICATION],
            Self::Traffic => &[MIGRATION, TRAFFIC],
            Self::Cutover => &[MIGRATION, TRAFFIC, REPLICATION],
        };
        own.iter().copied().flatten().chain(ALWAYS).copied().collect()
    }
}

/// Returns whether an operation only reads, and nothing confidential.
pub(crate) fn reads(operation: &str) -> bool {
    let is_read = |name: &&str| action(name).is_some_and(|action| action.level == Level::Read);
    !CONFIDENTIAL.contains(&operation) && infra_aws::iam_actions(operation).iter().all(is_read)
}
