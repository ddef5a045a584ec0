//! A gate as it is judged: what is measured, what it must be, and for how long. Made from the section `[gates]`; no string in it has
//! to be parsed again.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Region;

/// One of the two environments between which traffic is shifted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The environment that traffic comes from.
    Source,
    /// The environment that traffic goes to.
    Target,
}

impl Side {
    /// The name of the environment.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Where a value must be.
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
    /// Returns whether a value is where it must be. What is not a number never is.
    pub fn holds(self, value: f64) -> bool {
        match self {
            Self::Below(limit) => value < limit,
            Self::Above(limit) => value > limit,
            Self::AtLeast(limit) => value >= limit,
            Self::AtMost(limit) => value <= limit,
        }
    }

    /// Returns the worse of two values: the one that is nearer to breaking the bound, or breaks it by more.
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

/// What every data point of a window must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Limit {
    /// Where each value must be.
    pub bound: Bound,
    /// Seconds that are looked back.
    pub window_seconds: u32,
    /// Seconds that one data point covers.
    pub period_seconds: u32,
    /// How many data points there must be in the window; with fewer there is no data.
    pub min_points: u32,
}

/// A statistic of CloudWatch: `Average`, `Minimum`, `Maximum`, `Sum`, `SampleCount`, or a percentile such as `p99` or `p99.9`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Statistic(String);

impl Statistic {
    /// The statistics that have a name.
    pub const NAMED: [&str; 5] = ["Average", "Minimum", "Maximum", "Sum", "SampleCount"];

    /// Reads the name that CloudWatch uses ("CloudWatch statistics definitions", Amazon CloudWatch user guide).
    pub fn parse(text: &str) -> Option<Self> {
        let number = |number: &str| {
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let shape = number.split_once('.').map_or_else(|| digits(number), |(whole, rest)| digits(whole) && digits(rest));
            shape && number.parse::<f64>().is_ok_and(|number| (0.0..=100.0).contains(&number))
        };
        let known = Self::NAMED.contains(&text) || text.strip_prefix('p').is_some_and(number);
        known.then(|| Self(text.to_owned()))
    }

    /// The mean of the values of a period.
    pub fn average() -> Self {
        Self("Average".to_owned())
    }

    /// The name that CloudWatch takes.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns whether the value of a period grows until the period is over, so that one under way says nothing yet.
    pub fn adds_up(&self) -> bool {
        ["Sum", "SampleCount"].contains(&self.as_str())
    }
}

/// One metric of CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its dimensions: all of them, as CloudWatch takes metrics with other dimensions for other metrics.
    pub dimensions: BTreeMap<String, String>,
    /// What is made of the values of a period.
    pub statistic: Statistic,
}

/// What is asked of CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Query {
    /// A metric.
    Metric(Metric),
    /// Metric math.
    Expression {
        /// The expression, which uses the metrics by their ids.
        expression: String,
        /// The metrics, by id.
        metrics: BTreeMap<String, Metric>,
    },
}

impl Query {
    /// Returns whether the newest value says nothing until its period is over.
    pub fn adds_up(&self) -> bool {
        match self {
            Self::Metric(metric) => metric.statistic.adds_up(),
            Self::Expression { metrics, .. } => metrics.values().any(|metric| metric.statistic.adds_up()),
        }
    }
}

/// A gate on a metric of your own.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Custom {
    /// What is asked.
    pub query: Query,
    /// Where it is asked.
    pub region: Region,
    /// What the answer must be.
    pub limit: Limit,
    /// The environment that must have traffic for the gate to be judged; without one it is always judged.
    pub needs_traffic: Option<Side>,
}

/// What a gate looks at.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Check {
    /// The replication lag, in seconds.
    ReplicationLag(Limit),
    /// The targets that are healthy, against the tasks that are wanted, wherever there is traffic or will be with the next step.
    HealthyTargets,
    /// The share of requests that end with a status of 500 or more, in percent, wherever there is traffic.
    ErrorRate(Limit),
    /// The time within which 99 of 100 requests are answered, in seconds, wherever there is traffic.
    Latency(Limit),
    /// The CPU of every database, in percent.
    DatabaseCpu(Limit),
    /// What DMS found when it compared the tables.
    Validation {
        /// Whether it is judged when the target has traffic, too: DMS takes what is written there for differences.
        with_traffic: bool,
        /// Tables that do not count, as `schema.table`.
        ignored_tables: Vec<String>,
    },
    /// The alarms of the stack.
    Alarms,
    /// A metric of your own.
    Custom(Custom),
}

impl Check {
    /// Returns what is written behind a value.
    pub fn unit(&self) -> &'static str {
        match self {
            Self::ReplicationLag(_) | Self::Latency(_) => " s",
            Self::ErrorRate(_) | Self::DatabaseCpu(_) => " %",
            _ => "",
        }
    }

    /// Returns whether there are moments at which it is not judged at all.
    pub fn is_at_times_not_judged(&self) -> bool {
        match self {
            Self::Validation { with_traffic, .. } => !with_traffic,
            Self::Custom(custom) => custom.needs_traffic.is_some(),
            _ => false,
        }
    }
}

/// Something that must hold, or no more traffic is shifted.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gate {
    /// Its name: that of its section.
    pub name: String,
    /// What it looks at.
    pub check: Check,
    /// How many times in a row it must fail until that counts.
    pub failures_in_a_row: u32,
}

impl Gate {
    /// Returns what must hold, as a fragment such as `below 60 s`.
    pub fn must(&self) -> String {
        let unit = self.check.unit();
        match &self.check {
            Check::ReplicationLag(limit) | Check::ErrorRate(limit) | Check::Latency(limit) | Check::DatabaseCpu(limit) => {
                format!("{}{unit}", limit.bound)
            }
            Check::Custom(custom) => custom.limit.bound.to_string(),
            Check::HealthyTargets => "as many healthy targets as tasks are wanted".to_owned(),
            Check::Validation { .. } => "every table the same on both sides".to_owned(),
            Check::Alarms => "no alarm raised".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_includes_its_limit_or_does_not() {
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
