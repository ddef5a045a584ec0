//! Metrics: what a metric is called, and the samples of one.

use serde::{Deserialize, Serialize};

/// What tells metrics apart: "Metrics are uniquely defined by a name, a namespace, and zero or more dimensions".
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
    /// A metric; the order of its dimensions does not matter.
    pub fn new(namespace: &str, name: &str, mut dimensions: Vec<(String, String)>) -> Self {
        dimensions.sort();
        Self { namespace: namespace.to_owned(), name: name.to_owned(), dimensions }
    }

    /// Returns the values of its dimensions if these are all that it has, in the given order, which is that of their names.
    pub fn values<const N: usize>(&self, names: [&str; N]) -> Option<[&str; N]> {
        let own = self.dimensions.iter().map(|(name, _)| name.as_str());
        if !own.eq(names) {
            return None;
        }
        let values: Vec<&str> = self.dimensions.iter().map(|(_, value)| value.as_str()).collect();
        values.try_into().ok()
    }
}

/// A metric that somebody has put.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Series {
    /// What it is called.
    pub name: MetricName,
    /// Its samples, in the order in which they were put.
    pub samples: Vec<Sample>,
}

/// What was measured at one time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The time, in milliseconds.
    pub at: u64,
    /// The unit, as the API writes it.
    pub unit: String,
    /// What was measured.
    pub measured: Measured,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Measured {
    /// Values, and how often each of them.
    Values(Vec<(f64, f64)>),
    /// What is known of many values ("StatisticSet").
    Summary {
        /// How many.
        count: f64,
        /// Their sum.
        sum: f64,
        /// The smallest.
        minimum: f64,
        /// The greatest.
        maximum: f64,
    },
}

impl Measured {
    /// How many values there are.
    pub fn count(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(_, count)| count).sum(),
            Self::Summary { count, .. } => *count,
        }
    }

    /// The sum of all values.
    pub fn sum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, count)| value * count).sum(),
            Self::Summary { sum, .. } => *sum,
        }
    }

    /// The smallest value.
    pub fn minimum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, _)| *value).fold(f64::INFINITY, f64::min),
            Self::Summary { minimum, .. } => *minimum,
        }
    }

    /// The greatest value.
    pub fn maximum(&self) -> f64 {
        match self {
            Self::Values(values) => values.iter().map(|(value, _)| *value).fold(f64::NEG_INFINITY, f64::max),
            Self::Summary { maximum, .. } => *maximum,
        }
    }
}
