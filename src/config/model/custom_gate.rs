//! `[gates.custom.NAME]`.

use std::collections::BTreeMap;

use infra_base::side::Side;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A gate on a custom metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CustomGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// The metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<CustomMetric>,
    /// Metric math over `metrics`, instead of `metric`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The metrics of the expression, by the ids that it uses.
    pub metrics: BTreeMap<String, CustomMetric>,
    /// All data points must be less than this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// All data points must be greater than this value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// All data points must be this value or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// All data points must be this value or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The environment in whose region the metric is read. Default: the target, unless `region` is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Side>,
    /// The region in which the metric is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether the gate is evaluated only while `environment` receives traffic.
    pub only_with_traffic: bool,
    /// Length of the period of one data point in seconds: 1, 5, 10, 20, 30 or a multiple of 60.
    #[schemars(range(min = 1, max = 86400))]
    pub period_seconds: u32,
    /// Length of the evaluated window in seconds.
    #[schemars(range(min = 1, max = 86400))]
    pub window_seconds: u32,
    /// Minimum number of data points in the window.
    #[schemars(range(min = 1, max = 1440))]
    pub min_points: u32,
    /// Number of consecutive failures after which the gate has failed.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for CustomGate {
    fn default() -> Self {
        Self {
            enabled: true,
            metric: None,
            expression: None,
            metrics: BTreeMap::new(),
            below: None,
            above: None,
            at_least: None,
            at_most: None,
            environment: None,
            region: None,
            only_with_traffic: false,
            period_seconds: 60,
            window_seconds: 180,
            min_points: 1,
            failures_in_a_row: 1,
        }
    }
}

/// A CloudWatch metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomMetric {
    /// The namespace.
    pub namespace: String,
    /// The name.
    pub name: String,
    /// All dimensions of the metric.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// The statistic of each period: `Average`, `Minimum`, `Maximum`, `Sum`, `SampleCount` or a percentile such as
    /// `p99`.
    #[serde(default = "average")]
    pub statistic: String,
}

fn average() -> String {
    "Average".to_owned()
}
