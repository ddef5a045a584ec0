//! Secrets Manager: secrets.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::tags::Tags;

/// The state of Secrets Manager in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SecretsManager {
    /// Secrets by name.
    pub secrets: BTreeMap<String, Secret>,
}

/// A secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Secrets Manager API's `DescribeSecret`")]
pub struct Secret {
    pub name: String,
    pub arn: String,
    pub description: Option<String>,
    pub kms_key_id: Option<String>,
    /// Versions by id.
    pub versions: BTreeMap<String, Version>,
    pub rotation_enabled: bool,
    pub rotation_function: Option<String>,
    pub rotation_days: Option<i64>,
    /// When its deletion was requested.
    pub deleted_at: Option<u64>,
    /// When it is removed permanently.
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    /// Whether it was deleted without recovery.
    pub forced: bool,
    pub tags: Tags,
    /// Who else may use it.
    #[serde(default)]
    pub resource_policy: Option<serde_json::Value>,
    /// Its replicas by region.
    #[serde(default)]
    pub replicas: BTreeMap<String, Replica>,
    /// The region of its primary, if it is a replica.
    #[serde(default)]
    pub primary_region: Option<String>,
    /// The rotation in progress.
    #[serde(default)]
    pub rotation: Option<Rotation>,
}

impl Secret {
    /// Returns whether a role of another account may read the secret: its policy allows it, and it is encrypted with a
    /// customer managed key, because "you can't use the AWS managed key (aws/secretsmanager) for cross-account access"
    /// ("Access AWS Secrets Manager secrets from a different account").
    pub fn may_be_read_by(&self, role: &str) -> bool {
        let contains = |value: &serde_json::Value, text: &str| match value {
            serde_json::Value::Array(all) => all.iter().any(|one| one == text),
            one => one == text,
        };
        let account = role.split(':').nth(4).unwrap_or_default();
        let applies = |statement: &serde_json::Value| {
            let condition = &statement["Condition"]["ArnEquals"]["aws:PrincipalArn"];
            let names = |principal: &str| contains(&statement["Principal"]["AWS"], principal);
            let root = role.split(':').nth(1).map(|partition| format!("arn:{partition}:iam::{account}:root"));
            let is_principal = names(role)
                || ((names("*") || names(account) || root.is_some_and(|root| names(&root)))
                    && (condition.is_null() || contains(condition, role)));
            contains(&statement["Action"], "secretsmanager:GetSecretValue") && is_principal
        };
        let has = |effect: &str| {
            let statements = self.resource_policy.as_ref().and_then(|policy| policy["Statement"].as_array());
            statements.is_some_and(|all| all.iter().any(|one| one["Effect"] == effect && applies(one)))
        };
        self.kms_key_id.is_some() && has("Allow") && !has("Deny")
    }
}

/// A rotation in progress.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rotation {
    /// The version that it creates.
    pub token: String,
    /// When the function gives the version a value, or refuses.
    pub value_at: u64,
    /// When the database has the new password, and the version becomes the current one.
    pub current_at: u64,
}

/// A replica, as its primary records it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Secrets Manager API's `ReplicationStatusType`")]
pub struct Replica {
    pub kms_key_id: Option<String>,
    pub in_sync_at: u64,
    pub failure: Option<String>,
}

/// A version of a secret. One that a rotation has not given a value yet has the empty one, which AWS does not accept as
/// a value.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Secrets Manager API")]
pub struct Version {
    pub value: String,
    pub stages: BTreeSet<String>,
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version").field("value", &"***").field("stages", &self.stages).finish()
    }
}

impl Secret {
    /// Returns the version with a staging label, and its id.
    pub fn version(&self, stage: &str) -> Option<(&String, &Version)> {
        self.versions.iter().find(|(_, version)| version.stages.contains(stage))
    }
}

impl SecretsManager {
    /// Advances the time: removes secrets whose recovery window has ended.
    pub fn advance(&mut self, now: u64) {
        self.secrets.retain(|_, secret| secret.removed_at.is_none_or(|at| at > now));
    }

    /// Returns the ids of all existing resources. A secret in its recovery window counts as deleted.
    pub fn inventory(&self) -> Vec<String> {
        self.secrets
            .values()
            .filter(|secret| secret.deleted_at.is_none() || secret.forced)
            .map(|secret| format!("secret {}", secret.name))
            .collect()
    }
}

impl SecretsManager {
    /// Returns the ARNs and tags of all taggable resources, including secrets that are scheduled for deletion.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        self.secrets.values().map(|one| (one.arn.clone(), one.tags.clone())).collect()
    }
}
