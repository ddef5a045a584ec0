//! `[monitoring]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The dashboard and the alarms.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Monitoring {
    /// ARN of the SNS topic that receives the alarms. Empty: no notifications are sent.
    pub alarm_topic_arn: String,
    /// Database CPU utilization, in percent, above which an alarm is raised.
    #[schemars(range(min = 1, max = 100))]
    pub database_cpu_percent: f64,
    /// Replication lag, in seconds, above which an alarm is raised.
    #[schemars(range(min = 1, max = 86400))]
    pub replication_lag_seconds: f64,
}

impl Default for Monitoring {
    fn default() -> Self {
        Self { alarm_topic_arn: String::new(), database_cpu_percent: 80.0, replication_lag_seconds: 60.0 }
    }
}
