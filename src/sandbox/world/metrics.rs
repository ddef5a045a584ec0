//! Metrics: their names and their samples.

use serde::{Deserialize, Serialize};

/// The length of the interval that a point of a service's metric covers, in milliseconds.
pub const MINUTE: u64 = 60_000;

/// Returns the end of the minute that contains `at`: what is measured of real servers and clients is stored under it.
pub fn minute_end(at: u64) -> u64 {
    at.div_ceil(MINUTE) * MINUTE
}

/// The identity of a metric: "Metrics are uniquely defined by a name, a namespace, and zero or more dimensions".
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// Its dimensions, by name.
    pub dimensions: Vec<(String, String)>,
}

impl MetricName {
    /// Returns the name of a metric; the order of the dimensions does not matter.
    pub fn new(namespace: &str, name: &str, mut dimensions: Vec<(String, String)>) -> Self {
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    /// Returns the values of its dimensions, if it has exactly these dimensions. `names` must be sorted.
    pub fn dimension_values<const N: usize>(&self, names: [&str; N]) -> Option<[&str; N]> {
        let own = self.dimensions.iter().map(|(name, _)| name.as_str());
        if !own.eq(names) {
            return None;
        }
        let values: Vec<&str> = self.dimensions.iter().map(|(_, value)| value.as_str()).collect();
        values.try_into().ok()
    }
}

/// A custom metric.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// Its name.
    pub name: MetricName,
    /// Its samples, in the order in which they were put.
    pub samples: Vec<Sample>,
}

/// A measurement at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The time, in milliseconds.
    pub at: u64,
    /// The unit, as the API writes it.
    pub unit: String,
    /// The measured values.
    pub measured: Measured,
}

/// Measured values.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Measured {
    /// Values, each with its count.
    Values(Vec<(f64, f64)>),
    /// A summary of several values ("StatisticSet").
    Summary {
        /// The number of values.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The minimum.
        minimum: f64,
        /// The maximum.
        maximum: f64,
    },
}

impl Measured {
    /// Returns the number of values.
    pub fn count(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(_, count)| count).sum(),
            Self::Summary { count, .. } => *count,
        }
    }

    /// Returns the sum of all values.
    pub fn sum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, count)| value * count).sum(),
            Self::Summary { sum, .. } => *sum,
        }
    }

    /// Returns the minimum.
    pub fn minimum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min),
            Self::Summary { minimum, .. } => *minimum,
        }
    }

    /// Returns the maximum.
    pub fn maximum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max),
            Self::Summary { maximum, .. } => *maximum,
        }
    }
}
