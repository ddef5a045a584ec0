//! Resolves `[gates.custom.NAME]` to a gate.

use std::collections::BTreeMap;

use infra_base::address::Region;
use infra_base::metric::{Metric, Query, Statistic};
use infra_base::side::Side;

use crate::gate::{Bound, Check, CustomCheck, Gate, Limit};
use crate::model::{CustomGate, CustomMetric};
use crate::suggest::did_you_mean;

/// A mistake in a gate: the path of the key inside the section, the message and the help.
pub(super) type Mistake = (Vec<String>, String, String);

/// The mistakes of one gate.
#[derive(Default)]
struct Mistakes(Vec<Mistake>);

impl Mistakes {
    fn add(&mut self, keys: &[&str], message: impl Into<String>, help: impl Into<String>) {
        self.0.push((keys.iter().map(|key| (*key).to_owned()).collect(), message.into(), help.into()));
    }
}

/// Returns the gate that is evaluated. `regions` returns the region of an environment.
///
/// # Errors
/// Returns all mistakes in the section.
pub(super) fn resolve(
    section: &CustomGate,
    name: &str,
    regions: impl Fn(Side) -> Option<Region>,
) -> Result<Gate, Vec<Mistake>> {
    Resolver { section, name }.gate(regions)
}

/// One section and the name of its gate.
struct Resolver<'a> {
    section: &'a CustomGate,
    name: &'a str,
}

impl Resolver<'_> {
    fn gate(&self, regions: impl Fn(Side) -> Option<Region>) -> Result<Gate, Vec<Mistake>> {
        let (section, name) = (self.section, self.name);
        let mut mistakes = Mistakes::default();
        let query = self.query(&mut mistakes);
        let bound = self.bound(&mut mistakes);
        let region = match (&section.region, section.environment) {
            (Some(_), Some(_)) => {
                mistakes.add(
                    &["region"],
                    format!("the gate `{name}` has both an environment and a region"),
                    "remove one of them",
                );
                None
            }
            (Some(region), None) => Some(region.as_str().into()),
            (None, side) => {
                let side = side.unwrap_or(Side::Target);
                let region = regions(side);
                if region.is_none() {
                    let message = format!("the gate `{name}` uses the environment `{side}`, which is not configured");
                    mistakes.add(&["environment"], message, "use another environment, or set `region`");
                }
                region
            }
        };
        if section.only_with_traffic && section.environment.is_none() {
            let message = format!("the gate `{name}` is evaluated only with traffic, but it has no environment");
            mistakes.add(
                &["only_with_traffic"],
                message,
                "add `environment = \"target\"` or `environment = \"source\"`",
            );
        }
        // "Period" of MetricStat (CloudWatch, GetMetricData).
        if ![1, 5, 10, 20, 30].contains(&section.period_seconds) && !section.period_seconds.is_multiple_of(60) {
            let message = format!("CloudWatch has no data points of {} seconds", section.period_seconds);
            mistakes.add(&["period_seconds"], message, "use 1, 5, 10, 20, 30 or a multiple of 60");
        }
        match (query, bound, region) {
            (Some(query), Some(bound), Some(region)) if mistakes.0.is_empty() => {
                let limit = Limit {
                    bound,
                    window_seconds: section.window_seconds,
                    period_seconds: section.period_seconds,
                    min_points: section.min_points,
                };
                let needs_traffic = section.environment.filter(|_| section.only_with_traffic);
                // The environment selects the account, too.
                let default = section.region.is_none().then_some(Side::Target);
                let environment = section.environment.or(default);
                let check = Check::Custom(CustomCheck { query, region, environment, limit, needs_traffic });
                Ok(Gate { name: name.to_owned(), check, failures_in_a_row: section.failures_in_a_row })
            }
            _ => Err(mistakes.0),
        }
    }

    fn query(&self, mistakes: &mut Mistakes) -> Option<Query> {
        let (section, name) = (self.section, self.name);
        match (&section.metric, &section.expression) {
            (Some(_), Some(_)) => {
                mistakes.add(
                    &["expression"],
                    format!("the gate `{name}` has both a metric and an expression"),
                    "remove one of them",
                );
                None
            }
            (None, None) => {
                let help =
                    "for example `metric = { namespace = \"Payments\", name = \"Declined\", statistic = \"Sum\" }`";
                mistakes.add(&[], format!("the gate `{name}` has neither a metric nor an expression"), help);
                None
            }
            (Some(_), None) if !section.metrics.is_empty() => {
                let message = format!("the gate `{name}` has metrics, but no expression that uses them");
                mistakes.add(&["metrics"], message, "add an `expression`, or remove the metrics");
                None
            }
            (Some(metric), None) => metric_of(metric, &["metric"], mistakes).map(Query::Metric),
            (None, Some(expression)) => self.expression(expression, mistakes),
        }
    }

    fn expression(&self, expression: &str, mistakes: &mut Mistakes) -> Option<Query> {
        let (section, name) = (self.section, self.name);
        if expression.trim().is_empty() || section.metrics.is_empty() {
            let message = format!("the gate `{name}` has an empty expression, or no metrics for its expression");
            mistakes.add(
                &["expression"],
                message,
                "for example `expression = \"100 * bad / all\"` with `metrics` called `bad` and `all`",
            );
            return None;
        }
        let mut metrics = BTreeMap::new();
        for (id, metric) in &section.metrics {
            // "Id" of MetricDataQuery: letters, digits and underscores, starting with a lower-case letter (CloudWatch,
            // GetMetricData).
            let fits = id.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase())
                && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
            if !fits {
                let message = format!("`{id}` is not a valid id of a metric");
                mistakes.add(
                    &["metrics", id],
                    message,
                    "use a lower-case letter, followed by letters, digits and underscores",
                );
            } else if !words(expression).any(|word| word == id) {
                let message = format!("the expression of the gate `{name}` does not use `{id}`");
                mistakes.add(&["metrics", id], message, "use the metric, or remove it");
            }
            metrics.insert(id.clone(), metric_of(metric, &["metrics", id], mistakes)?);
        }
        Some(Query::Expression { expression: expression.to_owned(), metrics })
    }

    fn bound(&self, mistakes: &mut Mistakes) -> Option<Bound> {
        let (section, name) = (self.section, self.name);
        let written = [
            ("below", section.below.map(Bound::Below)),
            ("above", section.above.map(Bound::Above)),
            ("at_least", section.at_least.map(Bound::AtLeast)),
            ("at_most", section.at_most.map(Bound::AtMost)),
        ];
        let mut written = written.into_iter().filter_map(|(key, bound)| Some((key, bound?)));
        match (written.next(), written.next()) {
            (Some((_, bound)), None) => Some(bound),
            (Some((first, _)), Some((second, _))) => {
                let message = format!("the gate `{name}` has two thresholds, `{first}` and `{second}`");
                mistakes.add(&[second], message, "keep one; use two gates for a value between two limits");
                None
            }
            (None, _) => {
                mistakes.add(
                    &[],
                    format!("the gate `{name}` has no threshold"),
                    "add one of `below`, `above`, `at_least` and `at_most`",
                );
                None
            }
        }
    }
}

fn metric_of(section: &CustomMetric, path: &[&str], mistakes: &mut Mistakes) -> Option<Metric> {
    for (key, value) in [("namespace", &section.namespace), ("name", &section.name)] {
        if value.trim().is_empty() {
            mistakes.add(
                &[path, &[key]].concat(),
                format!("the {key} of a metric is empty"),
                "use the text that CloudWatch shows",
            );
        }
    }
    let Some(statistic) = Statistic::parse(&section.statistic) else {
        let help = did_you_mean(
            &section.statistic,
            &Statistic::NAMED,
            "use Average, Minimum, Maximum, Sum, SampleCount, or a percentile such as p99",
        );
        mistakes.add(&[path, &["statistic"]].concat(), format!("there is no statistic `{}`", section.statistic), help);
        return None;
    };
    Some(Metric {
        namespace: section.namespace.clone(),
        name: section.name.clone(),
        dimensions: section.dimensions.clone(),
        statistic,
    })
}

/// Returns the names in an expression.
fn words(expression: &str) -> impl Iterator<Item = &str> {
    expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_').filter(|word| !word.is_empty())
}
