//! CloudWatch metrics: their names and queries.

use std::collections::BTreeMap;

use serde::Serialize;

/// A statistic of CloudWatch: `Average`, `Minimum`, `Maximum`, `Sum`, `SampleCount`, a percentile such as `p99` or
/// `p99.9`, or the number of values up to a limit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Statistic(String);

impl Statistic {
    /// The statistics with a name of their own.
    pub const NAMED: [&str; 5] = ["Average", "Minimum", "Maximum", "Sum", "SampleCount"];

    /// Parses a name that CloudWatch uses ("CloudWatch statistics definitions", Amazon CloudWatch user guide).
    pub fn parse(text: &str) -> Option<Self> {
        let number = |number: &str| {
            let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            let shape =
                number.split_once('.').map_or_else(|| digits(number), |(whole, rest)| digits(whole) && digits(rest));
            shape && number.parse::<f64>().is_ok_and(|number| (0.0..=100.0).contains(&number))
        };
        let known = Self::NAMED.contains(&text) || text.strip_prefix('p').is_some_and(number);
        known.then(|| Self(text.to_owned()))
    }

    /// Returns the number of values that are at most `limit`: "Trimmed count (TC) is the number of data points in the
    /// chosen range for a trimmed mean statistic", for example `TC(:0.5)` ("CloudWatch statistics definitions").
    pub fn count_up_to(limit: f64) -> Self {
        Self(format!("TC(:{limit})"))
    }

    /// Returns the mean of the values in a period.
    pub fn average() -> Self {
        Self("Average".to_owned())
    }

    /// Returns the name that CloudWatch uses.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A CloudWatch metric.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Metric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All its dimensions. CloudWatch treats metrics with different dimensions as different metrics.
    pub dimensions: BTreeMap<String, String>,
    /// How the values in a period are aggregated.
    pub statistic: Statistic,
}

/// A query to CloudWatch.
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
