//! CloudWatch Logs: log groups.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::account_region::AccountRegion;
use super::tags::Tags;

/// The state of CloudWatch Logs in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Log groups by name.
    pub groups: BTreeMap<String, LogGroup>,
    /// When entries arrive that create a group again, by its name.
    #[serde(default)]
    pub late: BTreeMap<String, u64>,
    /// The groups whose writers were deleted without an end of their export: their last entries are late.
    #[serde(default)]
    pub unfinished: BTreeSet<String>,
    /// The groups that late entries have created again.
    #[serde(default)]
    pub returned: BTreeSet<String>,
}

/// A log group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the CloudWatch Logs API's `LogGroup`")]
pub struct LogGroup {
    pub name: String,
    pub retention_days: Option<i32>,
    pub kms_key: Option<String>,
    pub created_at: u64,
    pub tags: Tags,
}

impl Logs {
    /// Creates a group as a service does that writes to it, if it does not exist.
    pub fn create_by_service(&mut self, name: &str, now: u64) {
        let group =
            LogGroup { name: name.to_owned(), retention_days: None, kms_key: None, created_at: now, tags: Tags::new() };
        self.groups.entry(name.to_owned()).or_insert(group);
    }

    /// Returns the names of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        self.groups.keys().map(|name| format!("log group {name}")).collect()
    }

    /// Returns the ARN and the tags of every log group.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        self.groups
            .values()
            .map(|group| (scope.arn("logs", &format!("log-group:{}", group.name)), group.tags.clone()))
            .collect()
    }
}
