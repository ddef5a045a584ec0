//! A gate on a metric of your own, as it is written: `[gates.custom.NAME]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::did_you_mean;
use super::gate::{Bound, Check, Custom, Gate, Limit, Metric, Query, Side, Statistic};
use crate::address::Region;

/// A gate on a metric of your own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct OwnGate {
    /// Whether it is judged.
    pub enabled: bool,
    /// The metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<OwnMetric>,
    /// Metric math over `metrics`, instead of one metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expression: Option<String>,
    /// The metrics of the expression, by the ids that it uses.
    pub metrics: BTreeMap<String, OwnMetric>,
    /// Every data point must be less than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f64>,
    /// Every data point must be more than this.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub above: Option<f64>,
    /// Every data point must be this or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<f64>,
    /// Every data point must be this or less.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<f64>,
    /// The environment whose region is asked; without it and `region`, the target.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub environment: Option<Side>,
    /// The region that is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// Whether it is judged only when `environment` has traffic.
    pub only_with_traffic: bool,
    /// Seconds that one data point covers: 1, 5, 10, 20, 30 or a multiple of 60.
    #[schemars(range(min = 1, max = 86400))]
    pub period_seconds: u32,
    /// Seconds that are looked back.
    #[schemars(range(min = 1, max = 86400))]
    pub window_seconds: u32,
    /// How many data points there must be in this time.
    #[schemars(range(min = 1, max = 1440))]
    pub min_points: u32,
    /// How many times in a row it must fail until that counts.
    #[schemars(range(min = 1, max = 100))]
    pub failures_in_a_row: u32,
}

impl Default for OwnGate {
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

/// A metric of CloudWatch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnMetric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// All of its dimensions.
    #[serde(default)]
    pub dimensions: BTreeMap<String, String>,
    /// What is made of the values of a period: `Average`, `Minimum`, `Maximum`, `Sum`, `SampleCount` or a percentile such as `p99`.
    #[serde(default = "average")]
    pub statistic: String,
}

fn average() -> String {
    "Average".to_owned()
}

/// A mistake in a gate: the keys below its section, what is wrong, and what to write instead.
pub(super) type Mistake = (Vec<String>, String, String);

/// Collects the mistakes of one gate.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn add(&mut self, keys: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.0.push((keys.iter().map(|key| (*key).to_owned()).collect(), message.into(), help.into()));
    }
}

impl OwnGate {
    /// Makes the gate that is judged. `regions` says in which region an environment is.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(super) fn resolve(&self, name: &str, regions: impl Fn(Side) -> Option<Region>) -> Result<Gate, Vec<Mistake>> {
        let mut mistakes = Mistakes::default();
        let query = self.query(name, &mut mistakes);
        let bound = self.bound(name, &mut mistakes);
        let region = match (&self.region, self.environment) {
            (Some(_), Some(_)) => {
                mistakes.add(&["region"], format!("the gate `{name}` has both an environment and a region"), "write one of them");
                None
            }
            (Some(region), None) => Some(region.as_str().into()),
            (None, side) => {
                let side = side.unwrap_or(Side::Target);
                let region = regions(side);
                if region.is_none() {
                    let message = format!("the gate `{name}` is of the environment `{side}`, which is not configured");
                    mistakes.add(&["environment"], message, "name another environment, or a `region`");
                }
                region
            }
        };
        if self.only_with_traffic && self.environment.is_none() {
            let message = format!("the gate `{name}` is judged only with traffic, and does not say in which environment");
            mistakes.add(&["only_with_traffic"], message, "write `environment = \"target\"` or `environment = \"source\"`");
        }
        // "Period" of MetricStat (CloudWatch, GetMetricData).
        if ![1, 5, 10, 20, 30].contains(&self.period_seconds) && !self.period_seconds.is_multiple_of(60) {
            let message = format!("CloudWatch has no data points of {} seconds", self.period_seconds);
            mistakes.add(&["period_seconds"], message, "1, 5, 10, 20, 30 or a multiple of 60");
        }
        match (query, bound, region) {
            (Some(query), Some(bound), Some(region)) if mistakes.0.is_empty() => {
                let limit = Limit { bound, window_seconds: self.window_seconds, period_seconds: self.period_seconds, min_points: self.min_points };
                let needs_traffic = self.environment.filter(|_| self.only_with_traffic);
                let check = Check::Custom(Custom { query, region, limit, needs_traffic });
                Ok(Gate { name: name.to_owned(), check, failures_in_a_row: self.failures_in_a_row })
            }
            _ => Err(mistakes.0),
        }
    }

    fn query(&self, name: &str, mistakes: &mut Mistakes) -> Option<Query> {
        match (&self.metric, &self.expression) {
            (Some(_), Some(_)) => {
                mistakes.add(&["expression"], format!("the gate `{name}` has both a metric and an expression"), "write one of them");
                None
            }
            (None, None) => {
                let help = "for example `metric = { namespace = \"Payments\", name = \"Declined\", statistic = \"Sum\" }`";
                mistakes.add(&[], format!("the gate `{name}` has neither a metric nor an expression"), help);
                None
            }
            (Some(_), None) if !self.metrics.is_empty() => {
                let message = format!("the gate `{name}` has metrics and no expression that uses them");
                mistakes.add(&["metrics"], message, "write an `expression`, or take them out");
                None
            }
            (Some(metric), None) => metric.resolve(&["metric"], mistakes).map(Query::Metric),
            (None, Some(expression)) => self.expression(name, expression, mistakes),
        }
    }

    fn expression(&self, name: &str, expression: &str, mistakes: &mut Mistakes) -> Option<Query> {
        if expression.trim().is_empty() || self.metrics.is_empty() {
            let message = format!("the expression of the gate `{name}` has nothing to work with");
            mistakes.add(&["expression"], message, "for example `expression = \"100 * bad / all\"` with `metrics` called `bad` and `all`");
            return None;
        }
        let mut metrics = BTreeMap::new();
        for (id, metric) in &self.metrics {
            // "Id" of MetricDataQuery: letters, digits and underscores, beginning with a lower-case letter (CloudWatch, GetMetricData).
            let fits = id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !fits {
                let message = format!("`{id}` can not be the id of a metric");
                mistakes.add(&["metrics", id], message, "a lower-case letter, then letters, digits and underscores");
            } else if !words(expression).any(|word| word == id) {
                let message = format!("the expression of the gate `{name}` does not use `{id}`");
                mistakes.add(&["metrics", id], message, "use it, or take it out");
            }
            metrics.insert(id.clone(), metric.resolve(&["metrics", id], mistakes)?);
        }
        Some(Query::Expression { expression: expression.to_owned(), metrics })
    }

    fn bound(&self, name: &str, mistakes: &mut Mistakes) -> Option<Bound> {
        let written = [
            ("below", self.below.map(Bound::Below)),
            ("above", self.above.map(Bound::Above)),
            ("at_least", self.at_least.map(Bound::AtLeast)),
            ("at_most", self.at_most.map(Bound::AtMost)),
        ];
        let mut written = written.into_iter().filter_map(|(key, bound)| Some((key, bound?)));
        match (written.next(), written.next()) {
            (Some((_, bound)), None) => Some(bound),
            (Some((first, _)), Some((second, _))) => {
                let message = format!("the gate `{name}` has two thresholds, `{first}` and `{second}`");
                mistakes.add(&[second], message, "write one; a value between two limits takes two gates");
                None
            }
            (None, _) => {
                mistakes.add(&[], format!("the gate `{name}` has no threshold"), "one of `below`, `above`, `at_least` and `at_most`");
                None
            }
        }
    }
}

impl OwnMetric {
    fn resolve(&self, path: &[&str], mistakes: &mut Mistakes) -> Option<Metric> {
        for (key, value) in [("namespace", &self.namespace), ("name", &self.name)] {
            if value.trim().is_empty() {
                mistakes.add(&[path, &[key]].concat(), format!("the {key} of a metric is empty"), "as CloudWatch shows it");
            }
        }
        let Some(statistic) = Statistic::parse(&self.statistic) else {
            let help = did_you_mean(&self.statistic, &Statistic::NAMED, "Average, Minimum, Maximum, Sum, SampleCount, or a percentile such as p99");
            mistakes.add(&[path, &["statistic"]].concat(), format!("there is no statistic `{}`", self.statistic), help);
            return None;
        };
        Some(Metric { namespace: self.namespace.clone(), name: self.name.clone(), dimensions: self.dimensions.clone(), statistic })
    }
}

/// The names in an expression.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}
