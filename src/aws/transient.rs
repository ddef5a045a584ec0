//! Refusals that pass by themselves, in one table: new things that are not visible everywhere yet, and roles that a
//! service cannot assume yet.
//!
//! A refusal had no effect, so the same call is sent again. What AWS refuses for another reason with the same code is
//! reported later than necessary, and no call is lost.

use std::time::Duration;

use super::error::{AwsError, ErrorKind};

/// A refusal that passes by itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Transient {
    /// The call, or the beginning of its name.
    call: &'static str,
    /// The end of the code.
    code: &'static str,
    /// A part of the message. Codes that stand for many things need one.
    message: &'static str,
    /// What is waited for.
    pub why: &'static str,
    /// How long it can last.
    pub lasts: Duration,
}

/// "Changes that I make are not always immediately visible" (IAM User Guide, "Troubleshoot IAM").
const ROLE: &str = "the service-linked role to be usable";
const ROLE_LASTS: Duration = Duration::from_mins(3);

/// "Eventual consistency in the Amazon EC2 API" (EC2 Developer Guide) names no limit; reports name seconds. Other
/// services answer in the same way, for example IAM ("Changes that I make are not always immediately visible") and ECS
/// ("the Amazon ECS API follows an eventual consistency model", `RunTask`). What a change refers to exists: it was
/// created, or read, before. So "not found" means "not visible yet".
///
/// `InvalidVpcID.NotFound`, `InvalidGroup.NotFound`, `InvalidElasticIpID.NotFound`: EC2, "Error codes". A new address
/// is refused with the last one (hashicorp/terraform-provider-aws#27087, ansible-collections/amazon.aws#1872).
const UNSEEN: Transient = Transient {
    call: "",
    code: "",
    message: "",
    why: "the resources that this refers to to be visible",
    lasts: Duration::from_mins(1),
};
/// What the operations begin with that create or change. Those that delete, and those that revoke rules, take "not
/// found" for success.
const CHANGING: &[&str] = &[
    "Accept",
    "Add",
    "Allocate",
    "Associate",
    "Attach",
    "Authorize",
    "Change",
    "Create",
    "Modify",
    "Put",
    "Register",
    "Replace",
    "Rotate",
    "Set",
    "Tag",
    "Update",
];

/// Calls whose caller waits itself, or takes "not found" for an answer; and those on the way back of a switchover,
/// which a minute would delay.
const AT_ONCE: &[&str] = &[
    "ecs:UpdateCluster",
    "ecs:UpdateService",
    "elasticloadbalancing:ModifyRule",
    "iam:AttachRolePolicy",
    "iam:TagRole",
    "iam:UpdateAssumeRolePolicy",
];

fn is_unseen(error: &AwsError) -> bool {
    if AT_ONCE.contains(&error.call.as_str()) {
        return false;
    }
    let operation = error.call.split_once(':').map_or("", |(_, operation)| operation);
    let code = error.code.as_deref().unwrap_or_default();
    CHANGING.iter().any(|verb| operation.starts_with(verb)) && (code.contains("NotFound") || code.starts_with("NoSuch"))
}

const fn role(call: &'static str, code: &'static str, message: &'static str) -> Transient {
    Transient { call, code, message, why: ROLE, lasts: ROLE_LASTS }
}

const TABLE: &[Transient] = &[
    // aws-cloudformation/cloudformation-coverage-roadmap#818: ECS creates its role, and cannot assume it at once.
    role("ecs:Create", "InvalidParameterException", "assume the service linked role"),
    // terraform-aws-modules/terraform-aws-rds#364.
    role("rds:CreateDBSubnetGroup", "InvalidParameterValue", "Missing necessary credentials"),
    // aws-samples/eks-workshop-v2#1609.
    role("rds:CreateDBInstance", "InvalidParameterValue", "wait and try again later"),
    // aws-samples/amazon-bedrock-samples#253.
    role("application-autoscaling:RegisterScalableTarget", "ValidationException", "Unable to assume IAM role"),
    // hashicorp/terraform-provider-aws#11693: "ECS APIs are eventually consistent".
    Transient {
        call: "application-autoscaling:RegisterScalableTarget",
        code: "ValidationException",
        message: "ECS service doesn't exist",
        why: "Application Auto Scaling to see the service",
        lasts: Duration::from_mins(2),
    },
    // An alarm that Route 53 does not see yet. The message is not documented ("CreateHealthCheck": `InvalidInput`, "the
    // input is not valid"), so another reason is reported a minute later.
    Transient {
        call: "route53:CreateHealthCheck",
        code: "InvalidInput",
        message: "",
        why: "Route 53 to see the alarm",
        lasts: Duration::from_mins(1),
    },
];

/// Returns what a refusal waits for, if it passes by itself.
pub fn transient(error: &AwsError) -> Option<&'static Transient> {
    if error.kind != ErrorKind::Refused {
        return None;
    }
    let code = error.code.as_deref().unwrap_or_default();
    let matches = |entry: &&Transient| {
        error.call.starts_with(entry.call) && code.ends_with(entry.code) && error.message.contains(entry.message)
    };
    TABLE.iter().find(matches).or_else(|| is_unseen(error).then_some(&UNSEEN))
}

/// Returns whether a creation was refused because the account has the resource already: then a stale read has missed
/// it. A bucket of another account is something else.
pub fn is_taken(error: &AwsError) -> bool {
    let code = error.code.as_deref().unwrap_or_default();
    // `InvalidSubnet.Conflict`: a subnet with the same range. `PriorityInUse`: a rule of a listener. Lambda says
    // `ResourceConflictException` also of a change in progress.
    let taken =
        ["AlreadyExists", "AlreadyOwnedByYou", "ResourceExists", "Duplicate", "Subnet.Conflict", "PriorityInUse"];
    let is_taken = taken.iter().any(|part| code.contains(part))
        || (code == "ResourceConflictException" && error.message.contains("already exist"));
    error.kind == ErrorKind::Refused && code != "BucketAlreadyExists" && is_taken
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::CallOutcome;

    fn refusal(call: &str, code: &str, message: &str) -> AwsError {
        AwsError {
            call: call.to_owned(),
            code: Some(code.to_owned()),
            message: message.to_owned(),
            request_id: None,
            outcome: CallOutcome::NotDone,
            kind: ErrorKind::Refused,
        }
    }

    #[test]
    fn what_the_account_has_already_is_taken() {
        for code in
            ["EntityAlreadyExists", "BucketAlreadyOwnedByYou", "InvalidGroup.Duplicate", "ResourceExistsException"]
        {
            assert!(is_taken(&refusal("iam:CreateRole", code, "")), "{code}");
        }
        assert!(!is_taken(&refusal("s3:CreateBucket", "BucketAlreadyExists", "")), "in another account");
        assert!(!is_taken(&refusal("iam:CreateRole", "LimitExceeded", "")));
    }

    #[test]
    fn new_things_are_waited_for_and_wrong_values_are_not() {
        let passes = |call, code, message| transient(&refusal(call, code, message)).is_some();
        assert!(passes(
            "ec2:CreateNatGateway",
            "InvalidElasticIpID.NotFound",
            "Elastic IP address eipalloc-1 not found"
        ));
        assert!(passes("ec2:ModifyVpcAttribute", "InvalidVpcID.NotFound", "The vpc ID 'vpc-1' does not exist"));
        assert!(passes("ec2:CreateTags", "InvalidID.NotFound", ""));
        assert!(passes("rds:ModifyDBParameterGroup", "DBParameterGroupNotFound", ""));
        assert!(passes("route53:ChangeTagsForResource", "NoSuchHealthCheck", ""));
        assert!(!passes("route53:DeleteHealthCheck", "NoSuchHealthCheck", ""));
        assert!(!passes("ec2:RevokeSecurityGroupEgress", "InvalidGroup.NotFound", ""));
        assert!(!passes("ec2:DeleteVpc", "InvalidVpcID.NotFound", ""));
        assert!(!passes("ec2:CreateSubnet", "InvalidSubnet.Conflict", ""));
        let ecs = "Unable to assume the service linked role. Please verify that the ECS service linked role exists.";
        assert!(passes("ecs:CreateCluster", "InvalidParameterException", ecs));
        assert!(!passes("ecs:CreateCluster", "InvalidParameterException", "Invalid cluster name"));
        assert!(!passes("rds:CreateDBInstance", "InvalidParameterValue", "Invalid master user name"));
        let rds = "Unable to create the resource. Verify that you have permission to create service linked role. \
                   Otherwise wait and try again later";
        assert!(passes("rds:CreateDBInstance", "InvalidParameterValue", rds));
        let scaling = "Unable to assume IAM role: arn:aws:iam::111122223333:role/aws-service-role/x";
        assert!(passes("application-autoscaling:RegisterScalableTarget", "ValidationException", scaling));
        assert!(!passes("application-autoscaling:RegisterScalableTarget", "ValidationException", "Maximum capacity"));
        assert!(passes("route53:CreateHealthCheck", "InvalidInput", "whatever it says"));
        let broken = AwsError { kind: ErrorKind::Server, ..refusal("ec2:CreateVpc", "InvalidVpcID.NotFound", "") };
        assert_eq!(transient(&broken), None);
    }
}
