//! `[gates]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::custom_gate::CustomGate;
use crate::gate::{Bound, Check, Gate, Limit, RateLimit};

/// Interval between two data points of the metrics of AWS services, in seconds.
const PERIOD_SECONDS: u32 = 60;

/// Declares the section of a built-in gate on a metric. The sections differ in the meaning and the default of the
/// limit.
macro_rules! metric_gate {
    ($(#[$about:meta])* $name:ident, $(#[$meaning:meta])* below = $below:literal) => {
        $(#[$about])*
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            /// Whether the gate is evaluated.
            pub enabled: bool,
            $(#[$meaning])*
            #[schemars(range(min = 0.001))]
            pub below: f64,
            /// Length of the evaluated window in seconds. All data points in the window must be below the limit. There
            /// is one data point per minute, and AWS delivers it up to a minute late.
            #[schemars(range(min = 60, max = 86400))]
            pub window_seconds: u32,
            /// Minimum number of data points in the window. With fewer, the gate has no data and never passes.
            #[schemars(range(min = 1, max = 1440))]
            pub min_points: u32,
            /// Number of consecutive failures after which the gate has failed.
            #[schemars(range(min = 1, max = 100))]
            pub failures_in_a_row: u32,
        }

        impl Default for $name {
            fn default() -> Self {
                Self { enabled: true, below: $below, window_seconds: 180, min_points: 1, failures_in_a_row: 1 }
            }
        }

        impl $name {
            /// Returns the gate, if it is enabled.
            pub(crate) fn gate(&self, name: &str, check: fn(Limit) -> Check) -> Option<Gate> {
                let limit = Limit {
                    bound: Bound::Below(self.below),
                    window_seconds: self.window_seconds,
                    period_seconds: PERIOD_SECONDS,
                    min_points: self.min_points,
                };
                self.enabled.then(|| Gate {
                    name: name.to_owned(),
                    check: check(limit),
                    failures_in_a_row: self.failures_in_a_row,
                })
            }
        }
    };
}

metric_gate! {
    /// The replication lag of the database.
    LagGate,
    /// Upper limit of the replication lag in seconds.
    below = 60.0
}

metric_gate! {
    /// The CPU utilization of every database.
    DatabaseCpuGate,
    /// Upper limit of the CPU utilization in percent.
    below = 80.0
}

/// The error rate of each environment that receives traffic.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ErrorRateGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// Upper limit of the error rate in percent of all requests.
    #[schemars(range(min = 0.001, max = 100))]
    pub below: f64,
    /// By how many percentage points the error rate of the target can exceed that of the source in the same time.
    #[schemars(range(min = 0, max = 100))]
    pub excess_percent: f64,
    /// Minimum number of requests of an environment, without those of health checkers. With fewer, the gate has no data
    /// and never passes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: u32,
    /// Time in seconds whose requests are pooled, if a step is watched for a shorter time or not at all. Requests from
    /// before a step never count for it.
    #[schemars(range(min = 60, max = 86400))]
    pub window_seconds: u32,
    /// Minimum number of minutes with requests. With fewer, the gate has no data and never passes.
    #[schemars(range(min = 1, max = 1440))]
    pub min_points: u32,
    /// Number of consecutive failures after which the gate has failed.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for ErrorRateGate {
    fn default() -> Self {
        Self {
            enabled: true,
            below: 1.0,
            excess_percent: 0.5,
            min_requests: 100,
            window_seconds: 300,
            min_points: 1,
            failures_in_a_row: 1,
        }
    }
}

impl ErrorRateGate {
    /// Returns the gate, if it is enabled.
    pub(crate) fn gate(&self) -> Option<Gate> {
        let limit = RateLimit {
            below_percent: self.below,
            excess_percent: self.excess_percent,
            min_requests: self.min_requests,
            min_points: self.min_points,
            window_seconds: self.window_seconds,
        };
        self.enabled.then(|| Gate {
            name: "error-rate".to_owned(),
            check: Check::ErrorRate(limit),
            failures_in_a_row: self.failures_in_a_row,
        })
    }
}

/// The latency of each environment that receives traffic: the share of requests that take longer than a limit.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LatencyGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// Upper limit of the latency in seconds.
    #[schemars(range(min = 0.001))]
    pub below: f64,
    /// Upper limit of the share of requests that take longer, in percent. With 1, the 99th percentile must be below the
    /// limit of the latency.
    #[schemars(range(min = 0.001, max = 100))]
    pub slow_percent: f64,
    /// By how many percentage points this share of the target can exceed that of the source in the same time.
    #[schemars(range(min = 0, max = 100))]
    pub excess_percent: f64,
    /// Minimum number of requests of an environment, without those of health checkers. With fewer, the gate has no data
    /// and never passes.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: u32,
    /// Time in seconds whose requests are pooled, if a step is watched for a shorter time or not at all. Requests from
    /// before a step never count for it.
    #[schemars(range(min = 60, max = 86400))]
    pub window_seconds: u32,
    /// Minimum number of minutes with requests. With fewer, the gate has no data and never passes.
    #[schemars(range(min = 1, max = 1440))]
    pub min_points: u32,
    /// Number of consecutive failures after which the gate has failed.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for LatencyGate {
    fn default() -> Self {
        Self {
            enabled: true,
            below: 2.0,
            slow_percent: 1.0,
            excess_percent: 0.5,
            min_requests: 100,
            window_seconds: 300,
            min_points: 1,
            failures_in_a_row: 1,
        }
    }
}

impl LatencyGate {
    /// Returns the gate, if it is enabled.
    pub(crate) fn gate(&self) -> Option<Gate> {
        let share = RateLimit {
            below_percent: self.slow_percent,
            excess_percent: self.excess_percent,
            min_requests: self.min_requests,
            min_points: self.min_points,
            window_seconds: self.window_seconds,
        };
        self.enabled.then(|| Gate {
            name: "latency".to_owned(),
            check: Check::Latency { seconds: self.below, share },
            failures_in_a_row: self.failures_in_a_row,
        })
    }
}

/// The share of the requests that arrives in each environment, compared with the weights.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrafficShareGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// By how many percentage points the share of the requests can differ from the weight. Resolvers keep answers, and
    /// have different numbers of clients.
    #[schemars(range(min = 0, max = 100))]
    pub tolerance_percent: f64,
    /// Minimum number of requests in both environments together, without those of health checkers.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub min_requests: u32,
    /// Time in seconds whose requests are counted, if a step is watched for a shorter time or not at all.
    #[schemars(range(min = 60, max = 86400))]
    pub window_seconds: u32,
}

impl Default for TrafficShareGate {
    fn default() -> Self {
        Self { enabled: true, tolerance_percent: 20.0, min_requests: 100, window_seconds: 300 }
    }
}

/// The capacity of the target for the next step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct CapacityGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
}

impl Default for CapacityGate {
    fn default() -> Self {
        Self { enabled: true }
    }
}

/// The healthy targets of the load balancer in each environment that receives traffic, or will receive it with the next
/// step.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TargetsGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// Number of consecutive failures after which the gate has failed. A value above 1 tolerates the replacement of a
    /// task.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for TargetsGate {
    fn default() -> Self {
        Self { enabled: true, failures_in_a_row: 1 }
    }
}

/// The result of the validation by DMS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// Whether differences also count while the target receives traffic. DMS reports rows that the service writes to
    /// the target as differences. A table that DMS has suspended always counts.
    pub with_traffic: bool,
    /// Tables to ignore, as `schema.table`, for example tables without a primary key, which DMS cannot validate.
    pub ignored_tables: Vec<String>,
    /// Number of consecutive failures after which the gate has failed.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for ValidationGate {
    fn default() -> Self {
        Self { enabled: true, with_traffic: false, ignored_tables: Vec::new(), failures_in_a_row: 1 }
    }
}

/// The CloudWatch alarms of this stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlarmsGate {
    /// Whether the gate is evaluated.
    pub enabled: bool,
    /// Number of consecutive failures after which the gate has failed.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for AlarmsGate {
    fn default() -> Self {
        Self { enabled: true, failures_in_a_row: 1 }
    }
}

/// The gates, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RawGates {
    /// Replication lag: the time by which the target database is behind the source. Evaluated if changes are
    /// replicated.
    pub replication_lag: LagGate,
    /// Healthy targets of the load balancer, in each environment that receives traffic, or will receive it with the
    /// next step. There must be at least one, and as many as the desired number of tasks. While targets start, the gate
    /// has no data.
    pub healthy_targets: TargetsGate,
    /// Capacity: the target has enough healthy targets for its share of the traffic after the next step, compared with
    /// the tasks of the source. Until it has, the gate has no data.
    pub capacity: CapacityGate,
    /// Traffic share: the share of the requests that arrives in each environment is that of its weight. Before the
    /// first step, requests must arrive at the source at all. A difference is missing data, not a failure.
    pub traffic_share: TrafficShareGate,
    /// Error rate: the share of requests with a status of 500 or more, in each environment that receives traffic, over
    /// the time for which a step is watched. An environment that receives traffic but too few requests has no data.
    pub error_rate: ErrorRateGate,
    /// Latency: the share of requests that take longer than the limit, in each environment that receives traffic, over
    /// the time for which a step is watched.
    pub latency: LatencyGate,
    /// CPU utilization of every database.
    pub database_cpu: DatabaseCpuGate,
    /// Validation: DMS compares the tables of both databases, and all tables must be equal.
    pub validation: ValidationGate,
    /// CloudWatch alarms of this stack: no alarm is raised, and all alarms have data.
    pub alarms: AlarmsGate,
    /// Gates on custom metrics, by name. Each gate has one of `below`, `above`, `at_least` and `at_most`. `environment`
    /// or `region` selects the region of the metric. See docs/cutover.md for all keys. Example:
    /// `[gates.custom.declined]`,
    /// `metric = { namespace = "Payments", name = "Declined", dimensions = { Stage = "target" }, statistic = "Sum" }`,
    /// `at_most = 5`. A formula combines several metrics: `expression = "100 * declined / all"`,
    /// `metrics = { declined = { … }, all = { … } }`.
    pub custom: BTreeMap<String, CustomGate>,
}
