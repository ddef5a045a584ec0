//! Log groups: what CloudWatch Logs keeps in a region.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Place;
use super::ec2::Tags;

/// What CloudWatch Logs keeps.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Logs {
    /// Log groups by name.
    pub groups: BTreeMap<String, LogGroup>,
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
    /// Returns the name of everything that exists.
    pub fn inventory(&self) -> Vec<String> {
        self.groups.keys().map(|name| format!("log group {name}")).collect()
    }

    /// Returns the ARN and the tags of every log group.
    pub fn tagged(&self, place: &Place) -> Vec<(String, Tags)> {
        self.groups.values().map(|group| (place.arn("logs", &format!("log-group:{}", group.name)), group.tags.clone())).collect()
    }
}
