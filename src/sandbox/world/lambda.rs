//! Lambda: functions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::tags::Tags;

/// The state of Lambda in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Lambda {
    /// Functions by name.
    pub functions: BTreeMap<String, Function>,
}

/// A function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the Lambda API's `FunctionConfiguration`")]
pub struct Function {
    pub name: String,
    pub arn: String,
    pub description: String,
    pub role: String,
    pub runtime: String,
    pub handler: String,
    pub architecture: String,
    pub code_sha256: String,
    pub timeout: i32,
    pub memory: i32,
    pub environment: BTreeMap<String, String>,
    /// The state is `Pending` until then.
    pub active_at: u64,
    /// `LastUpdateStatus` is `InProgress` until then.
    pub updated_at: u64,
    /// Why it failed; set by tests.
    pub failure: Option<String>,
    /// The statements of its policy by `Sid`.
    pub policy: BTreeMap<String, Value>,
    pub tags: Tags,
}

impl Function {
    /// Returns whether a service is allowed to invoke it.
    pub fn allows_invocation_by(&self, service: &str) -> bool {
        self.policy
            .values()
            .any(|statement| statement.pointer("/Principal/Service").is_some_and(|principal| principal == service))
    }
}

impl Lambda {
    /// Returns the ids of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        self.functions.keys().map(|name| format!("function {name}")).collect()
    }
}

impl Lambda {
    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        self.functions.values().map(|one| (one.arn.clone(), one.tags.clone())).collect()
    }
}
