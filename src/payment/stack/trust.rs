//! The services that may assume the roles of an environment, and on whose behalf.
//!
//! A service assumes roles for all its customers. The conditions on `aws:SourceAccount` and `aws:SourceArn` keep it
//! from assuming a role for somebody else ("The confused deputy problem", IAM User Guide). A condition on a key that a
//! service does not send is never fulfilled, and the role is of no use: "If the key that you specify in a policy
//! condition is not present in the request context, the values do not match and the condition is false" ("IAM JSON
//! policy elements: Condition"). So each service has only the conditions that are documented for it.

use infra_base::address::Region;

/// A service that may assume a role.
pub(super) struct Trust {
    /// Its service principal.
    pub(super) principal: String,
    /// Whether it may do so only on behalf of the account of the role.
    pub(super) for_account: bool,
    /// The ARNs of the resources for which it may do so; none for any.
    pub(super) sources: Vec<String>,
}

impl Trust {
    /// Returns the trust in the tasks of ECS in a region.
    ///
    /// "We recommend that you use the `aws:SourceAccount` or `aws:SourceArn` condition keys in either the trust
    /// relationship or the IAM policy associated with the role to scope the permissions further […]. Currently, using
    /// the `aws:SourceArn` condition key to specify a specific cluster isn't supported, and you should use the wildcard
    /// to specify all clusters": `arn:aws:ecs:us-west-2:111122223333:*` ("Amazon ECS task IAM role").
    pub(super) fn ecs_tasks(region: &Region) -> Self {
        Self {
            principal: "ecs-tasks.amazonaws.com".to_owned(),
            for_account: true,
            sources: vec![format!("arn:{{partition}}:ecs:{region}:{{account}}:*")],
        }
    }

    /// Returns the trust in Lambda.
    ///
    /// The Lambda Developer Guide ("Defining Lambda function permissions with an execution role") documents no
    /// condition for execution roles. A role can be passed only within its account, so that no function of somebody
    /// else uses it.
    pub(super) fn lambda() -> Self {
        Self { principal: "lambda.amazonaws.com".to_owned(), for_account: false, sources: Vec::new() }
    }

    /// Returns the trust in the endpoints of DMS in a region.
    ///
    /// The regional service principal is required, not the global one ("Using secrets to access AWS DMS endpoints").
    /// "AWS DMS supports confused deputy options starting from the 3.4.7 version and higher": `aws:SourceAccount`, and
    /// `aws:SourceArn` "with wildcard characters (`*`) for the unknown portions of the ARN" ("Cross-service confused
    /// deputy prevention", AWS DMS User Guide). The ARN of an endpoint is unknown before it is created, and DMS creates
    /// it only with a role that it can assume.
    pub(super) fn dms(region: &Region) -> Self {
        Self {
            principal: format!("dms.{region}.amazonaws.com"),
            for_account: true,
            sources: vec![format!("arn:{{partition}}:dms:{region}:{{account}}:*")],
        }
    }

    /// Returns the trust in the replication of S3.
    ///
    /// The trust policy of "Setting up permissions for live replication" (Amazon S3 User Guide) has no condition, and
    /// nothing documents one for replication. S3 uses the role only when it replicates, so a condition that does not
    /// match would show as objects that are missing. A role can be passed only within its account ("Granting a user
    /// permissions to pass a role to an AWS service", IAM User Guide), so that no bucket of somebody else names it.
    pub(super) fn s3_replication() -> Self {
        Self { principal: "s3.amazonaws.com".to_owned(), for_account: false, sources: Vec::new() }
    }
}
