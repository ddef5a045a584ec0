//! IAM: the roles of the account.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wildmatch::WildMatch;

use super::trust::ServiceCaller;

/// The state of IAM.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Iam {
    /// The permissions boundary that a service control policy requires of every role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub required_boundary: Option<String>,
    /// Roles by name.
    pub roles: BTreeMap<String, Role>,
}

/// A role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the IAM API's `Role`")]
pub struct Role {
    pub role_name: String,
    pub role_id: String,
    pub arn: String,
    pub description: Option<String>,
    pub assume_role_policy: Value,
    pub inline_policies: BTreeMap<String, Value>,
    pub attached_policies: BTreeSet<String>,
    pub tags: BTreeMap<String, String>,
    pub created_at: u64,
    #[serde(default = "default_session")]
    pub max_session_seconds: i32,
    #[serde(default)]
    pub permissions_boundary: Option<String>,
    /// IAM is eventually consistent: other services cannot assume a new role before this time.
    pub assumable_at: u64,
}

/// The maximum duration of a session, unless a role has another one ("CreateRole", `MaxSessionDuration`).
pub const DEFAULT_SESSION_SECONDS: i32 = 3600;

fn default_session() -> i32 {
    DEFAULT_SESSION_SECONDS
}

impl Iam {
    /// Returns the names of all existing resources: roles, their inline policies and their attached policies.
    /// Service-linked roles belong to the account.
    pub fn inventory(&self) -> Vec<String> {
        let mut names = Vec::new();
        for (name, role) in self.roles.iter().filter(|(_, role)| !role.arn.contains(":role/aws-service-role/")) {
            names.push(format!("role {name}"));
            names.extend(role.inline_policies.keys().map(|policy| format!("role {name} policy {policy}")));
            names.extend(role.attached_policies.iter().map(|policy| format!("role {name} attached {policy}")));
        }
        names
    }

    /// Returns whether a service can assume the role with this ARN now.
    pub fn can_assume(&self, role_arn: &str, caller: &ServiceCaller<'_>, now: u64) -> bool {
        let role = self.roles.values().find(|role| role.arn == role_arn);
        role.is_some_and(|role| caller.is_trusted_by(&role.assume_role_policy) && now >= role.assumable_at)
    }

    /// Returns whether a managed policy whose ARN ends with `policy` is attached to a role.
    pub fn has_policy(&self, role_arn: &str, policy: &str) -> bool {
        let role = self.roles.values().find(|role| role.arn == role_arn);
        role.is_some_and(|role| role.attached_policies.iter().any(|arn| arn.ends_with(policy)))
    }

    /// Returns whether the inline policies of a role allow an action on a resource. Conditions are not evaluated.
    pub fn allows(&self, role_arn: &str, action: &str, resource: &str) -> bool {
        let Some(role) = self.roles.values().find(|role| role.arn == role_arn) else { return false };
        let matches = |patterns: Option<&Value>, text: &str| {
            let one = |pattern: &Value| pattern.as_str().is_some_and(|one| WildMatch::new(one).matches(text));
            patterns.is_some_and(|patterns| match patterns {
                Value::Array(several) => several.iter().any(one),
                single => one(single),
            })
        };
        let has = |effect: &str| {
            let statements = role.inline_policies.values().filter_map(|policy| policy.get("Statement")?.as_array());
            statements.flatten().any(|statement| {
                statement.get("Effect").is_some_and(|its| its == effect)
                    && matches(statement.get("Action"), action)
                    && matches(statement.get("Resource"), resource)
            })
        };
        has("Allow") && !has("Deny")
    }
}
