//! CloudWatch: alarms and metrics, which are regional, and dashboards, which are global.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account_region::AccountRegion;
use super::metrics::Series;
use super::tags::Tags;

/// The state of CloudWatch in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CloudWatch {
    /// Alarms by name.
    pub alarms: BTreeMap<String, Alarm>,
    /// Custom metrics.
    #[serde(default)]
    pub metrics: Vec<Series>,
}

/// An alarm.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the CloudWatch API's `MetricAlarm`")]
pub struct Alarm {
    pub name: String,
    pub description: Option<String>,
    pub namespace: String,
    pub metric_name: String,
    pub dimensions: Vec<(String, String)>,
    pub statistic: Option<String>,
    pub extended_statistic: Option<String>,
    pub period: i32,
    pub evaluation_periods: i32,
    pub datapoints_to_alarm: Option<i32>,
    pub threshold: f64,
    pub comparison_operator: String,
    pub treat_missing_data: Option<String>,
    pub alarm_actions: Vec<String>,
    #[serde(default)]
    pub insufficient_data_actions: Vec<String>,
    /// When it was created.
    #[serde(default)]
    pub created_at: u64,
    pub tags: Tags,
}

impl Alarm {
    /// Returns whether a value breaches the threshold.
    pub fn is_breached_by(&self, value: f64) -> bool {
        match self.comparison_operator.as_str() {
            "GreaterThanThreshold" => value > self.threshold,
            "GreaterThanOrEqualToThreshold" => value >= self.threshold,
            "LessThanThreshold" => value < self.threshold,
            "LessThanOrEqualToThreshold" => value <= self.threshold,
            _ => false,
        }
    }
}

/// The dashboards of the account: "Dashboards in your account are global, not region-specific" (PutDashboard).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Dashboards(pub BTreeMap<String, Dashboard>);

/// A dashboard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the CloudWatch API")]
pub struct Dashboard {
    pub name: String,
    pub body: Value,
    pub tags: Tags,
}

impl CloudWatch {
    /// Returns the names of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        self.alarms.keys().map(|name| format!("alarm {name}")).collect()
    }

    /// Returns the ARN and the tags of every alarm.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        self.alarms
            .values()
            .map(|alarm| (scope.arn("cloudwatch", &format!("alarm:{}", alarm.name)), alarm.tags.clone()))
            .collect()
    }
}

impl Dashboards {
    /// Returns the names of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        self.0.keys().map(|name| format!("dashboard {name}")).collect()
    }

    /// Returns the ARN and the tags of every dashboard, in the region in which AWS lists global resources.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        let described = self.0.values().filter(|_| scope.lists_global_resources());
        let arn =
            |name: &str| format!("arn:{}:cloudwatch::{}:dashboard/{name}", scope.region.partition(), scope.account);
        described.map(|dashboard| (arn(&dashboard.name), dashboard.tags.clone())).collect()
    }
}
