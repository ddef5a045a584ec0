//! A gate in the form in which it is evaluated: what is measured, the limit, and the window. It is resolved from
//! `[gates]` and contains no strings that have to be parsed.

use std::fmt;

use infra_base::address::Region;
use infra_base::metric::Query;
use infra_base::side::Side;
use serde::Serialize;

/// The limit of a value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    /// Less than this.
    Below(f64),
    /// More than this.
    Above(f64),
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

impl Bound {
    /// Returns whether a value is within the limit. NaN never is.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(limit) => value < limit,
            Self::Above(limit) => value > limit,
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    /// Returns the worse of two values: the one that is closer to the limit, or exceeds it by more.
    pub fn worse(self, one: f64, other: f64) -> f64 {
        match self {
            Self::Below(_) | Self::AtMost(_) => one.max(other),
            Self::Above(_) | Self::AtLeast(_) => one.min(other),
        }
    }
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Below(limit) => write!(f, "below {limit}"),
            Self::Above(limit) => write!(f, "above {limit}"),
            Self::AtLeast(limit) => write!(f, "at least {limit}"),
            Self::AtMost(limit) => write!(f, "at most {limit}"),
        }
    }
}

/// The limit for all data points of a window.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// The limit of each value.
    pub bound: Bound,
    /// The length of the window in seconds.
    pub window_seconds: u32,
    /// The period of one data point in seconds.
    pub period_seconds: u32,
    /// The minimum number of data points in the window. With fewer, there is no data.
    pub min_points: u32,
}

/// The limit of a share of the requests, pooled over the time for which a step is watched.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RateLimit {
    /// The share must be below this, in percent.
    pub below_percent: f64,
    /// By how many percentage points the share of the target can exceed that of the source.
    pub excess_percent: f64,
    /// The minimum number of requests. With fewer, there is no data.
    pub min_requests: u32,
    /// The minimum number of minutes with requests.
    pub min_points: u32,
    /// How long requests are pooled, in seconds, if a step is watched for a shorter time or not at all.
    pub window_seconds: u32,
}

/// A check of a custom metric.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CustomCheck {
    /// The query.
    pub query: Query,
    /// The region of the metric.
    pub region: Region,
    /// The environment in whose account the metric is. `None`: the account of the stack.
    pub environment: Option<Side>,
    /// The limit of the result.
    pub limit: Limit,
    /// The environment that must receive traffic for the gate to be evaluated. `None`: it is always evaluated.
    pub needs_traffic: Option<Side>,
}

/// What a gate checks.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The replication lag, in seconds.
    ReplicationLag(Limit),
    /// The healthy targets, compared with the desired number of tasks, in each environment that receives traffic or
    /// will receive it with the next step.
    HealthyTargets,
    /// The share of requests with a status of 500 or more, in each environment that receives traffic.
    ErrorRate(RateLimit),
    /// The share of requests that take longer than a limit, in each environment that receives traffic.
    Latency {
        /// The limit of the response time in seconds.
        seconds: f64,
        /// The limit of the share.
        share: RateLimit,
    },
    /// The share of the requests that arrives in each environment, compared with the weights.
    TrafficShare {
        /// By how many percentage points the share can differ from the weight.
        tolerance_percent: f64,
        /// The minimum number of requests in both environments together.
        min_requests: u32,
        /// How long requests are pooled, in seconds, if a step is watched for a shorter time or not at all.
        window_seconds: u32,
    },
    /// The capacity of the target for the share that it gets with the next step, and that no closed fence is in the
    /// way.
    Capacity,
    /// The CPU utilization of every database, in percent.
    DatabaseCpu(Limit),
    /// The result of the validation by DMS.
    Validation {
        /// Whether the gate is also evaluated while the target receives traffic. DMS reports rows that the service
        /// writes there as differences.
        with_traffic: bool,
        /// Tables to ignore, as `schema.table`.
        ignored_tables: Vec<String>,
    },
    /// The alarms of the stack.
    Alarms,
    /// A custom metric.
    Custom(CustomCheck),
}

impl Check {
    /// Returns the unit of a value, with a leading space.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::ReplicationLag(_) => " s",
            Self::ErrorRate(_) | Self::Latency { .. } | Self::TrafficShare { .. } | Self::DatabaseCpu(_) => " %",
            _ => "",
        }
    }

    /// Returns whether the gate is evaluated only under some conditions.
    pub fn is_conditional(&self) -> bool {
        match self {
            Self::Capacity => true,
            Self::Custom(custom) => custom.needs_traffic.is_some(),
            _ => false,
        }
    }
}

/// A condition for shifting traffic.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// The name of its section.
    pub name: String,
    /// The check.
    pub check: Check,
    /// The number of consecutive failures after which the gate has failed.
    pub failures_in_a_row: u32,
}

impl Gate {
    /// Returns the requirement as a fragment, for example `below 60 s`.
    pub fn requirement(&self) -> String {
        let unit = self.check.unit();
        match &self.check {
            Check::ReplicationLag(limit) | Check::DatabaseCpu(limit) => format!("{}{unit}", limit.bound),
            Check::ErrorRate(limit) => format!("below {}{unit}", limit.below_percent),
            Check::Latency { seconds, share } => format!("below {}{unit} slower than {seconds} s", share.below_percent),
            Check::TrafficShare { tolerance_percent, .. } => {
                format!("requests arrive as the weights say, within {tolerance_percent} percentage points")
            }
            Check::Capacity => "enough healthy targets for the next step".to_owned(),
            Check::Custom(custom) => custom.limit.bound.to_string(),
            Check::HealthyTargets => "as many healthy targets as desired tasks".to_owned(),
            Check::Validation { .. } => "all tables equal on both sides".to_owned(),
            Check::Alarms => "no alarm raised".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use infra_base::metric::Statistic;

    use super::*;

    #[test]
    fn a_bound_includes_or_excludes_its_limit() {
        let at = |bound: Bound| [59.0, 60.0, 61.0].map(|value| bound.holds(value));
        assert_eq!(at(Bound::Below(60.0)), [true, false, false]);
        assert_eq!(at(Bound::AtMost(60.0)), [true, true, false]);
        assert_eq!(at(Bound::Above(60.0)), [false, false, true]);
        assert_eq!(at(Bound::AtLeast(60.0)), [false, true, true]);
        for bound in [Bound::Below(60.0), Bound::AtMost(60.0), Bound::Above(60.0), Bound::AtLeast(60.0)] {
            assert!(!bound.holds(f64::NAN));
        }
    }

    #[test]
    fn a_statistic_is_one_that_cloudwatch_knows() {
        for known in ["Average", "Sum", "SampleCount", "p50", "p99", "p99.9", "p100", "p0"] {
            assert_eq!(Statistic::parse(known).expect("known").as_str(), known);
        }
        for unknown in ["average", "p101", "p", "p-1", "99", "p9.", "p.9", "pinf", "p1e1", "P99", ""] {
            assert_eq!(Statistic::parse(unknown), None, "{unknown}");
        }
    }
}
