//! PutMetricData: custom metrics.

use aws_sdk_cloudwatch::operation::put_metric_data::{PutMetricDataError, PutMetricDataInput, PutMetricDataOutput};
use aws_sdk_cloudwatch::types::{MetricDatum, StandardUnit};

use super::dimensions::dimensions;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::metrics::{Measured, MetricName, Sample, Series};

const DAY: u64 = 24 * 60 * 60 * 1000;
const HOUR: u64 = 60 * 60 * 1000;

pub(super) fn register(registry: &mut Registry) {
    registry.on("cloudwatch", "PutMetricData", &["namespace", "metric_data"], PutMetricDataError::generic, put);
}

fn invalid<T>(why: impl Into<String>) -> Result<T, Rejection> {
    refuse("InvalidParameterValue", why)
}

/// "CloudWatch rejects values that are either too small or too large. Values must be in the range of -2^360 to 2^360.
/// In addition, special values (for example, NaN, +Infinity, -Infinity) are not supported" (MetricDatum).
fn number(value: f64) -> Result<f64, Rejection> {
    if value.is_finite() && value.abs() <= 2_f64.powi(360) {
        Ok(value)
    } else {
        invalid(format!("The value {value} is not valid"))
    }
}

fn measured(datum: &MetricDatum) -> Result<Measured, Rejection> {
    let (value, values, summary) = (datum.value(), datum.values(), datum.statistic_values());
    if [value.is_some(), !values.is_empty(), summary.is_some()].into_iter().filter(|given| *given).count() != 1 {
        return refuse(
            "InvalidParameterCombination",
            "Exactly one of Value, Values and StatisticValues must be specified",
        );
    }
    if !datum.counts().is_empty() && datum.counts().len() != values.len() {
        return refuse("InvalidParameterCombination", "Counts must have as many items as Values");
    }
    if let Some(summary) = summary {
        let numbers = [summary.sample_count(), summary.sum(), summary.minimum(), summary.maximum()]
            .map(Option::unwrap_or_default)
            .map(number);
        let [count, sum, minimum, maximum] = numbers;
        return Ok(Measured::Summary { count: count?, sum: sum?, minimum: minimum?, maximum: maximum? });
    }
    // "You can include up to 150 unique values".
    if values.len() > 150 {
        return invalid("Values must have at most 150 items");
    }
    let values = value.iter().chain(values).enumerate().map(|(at, value)| {
        let count = number(datum.counts().get(at).copied().unwrap_or(1.0))?;
        if count > 0.0 { Ok((number(*value)?, count)) } else { invalid("Counts must be greater than 0") }
    });
    Ok(Measured::Values(values.collect::<Result<_, _>>()?))
}

fn put(call: &mut Call<'_>, input: &PutMetricDataInput) -> Result<PutMetricDataOutput, Rejection> {
    let (now, namespace) = (call.now(), input.namespace().unwrap_or_default());
    // "Namespace: length 1 to 255, pattern [^:].*"; namespaces that begin with `AWS/` are reserved for AWS's services.
    if !(1..=255).contains(&namespace.chars().count()) || namespace.starts_with(':') {
        return invalid("The parameter Namespace is not valid.");
    }
    if namespace.starts_with("AWS/") {
        return invalid(format!("The value {namespace} for parameter Namespace is invalid: it begins with AWS/"));
    }
    // "Each request is […] limited to no more than 1000 different metrics."
    if !(1..=1000).contains(&input.metric_data().len()) {
        return refuse("MissingParameter", "The parameter MetricData must have 1 to 1000 items.");
    }
    let mut read = Vec::new();
    for datum in input.metric_data() {
        let name = datum.metric_name().unwrap_or_default();
        if !(1..=255).contains(&name.chars().count()) {
            return invalid("The parameter MetricName must have 1 to 255 characters.");
        }
        if datum.storage_resolution().is_some_and(|resolution| ![1, 60].contains(&resolution)) {
            return invalid("The parameter StorageResolution must be 1 or 60.");
        }
        let at = match datum.timestamp() {
            None => now,
            Some(time) => time.to_millis().ok().and_then(|at| u64::try_from(at).ok()).unwrap_or_default(),
        };
        // "as much as two weeks before the current date, and as much as 2 hours after the current day and time."
        if at + 14 * DAY < now || at > now + 2 * HOUR {
            return invalid("The parameter Timestamp must be within two weeks before and two hours after now.");
        }
        let unit = datum.unit().map_or("None", StandardUnit::as_str).to_owned();
        if !StandardUnit::values().contains(&unit.as_str()) {
            return invalid(format!("The parameter Unit {unit} is not valid."));
        }
        let name =
            MetricName::new(namespace, name, dimensions(datum.dimensions()).or_else(|why| invalid(why.message))?);
        read.push((name, Sample { at, unit, measured: measured(datum)? }));
    }
    let metrics = &mut call.region_state().cloudwatch.metrics;
    for (name, sample) in read {
        match metrics.iter_mut().find(|series| series.name == name) {
            Some(series) => series.samples.push(sample),
            None => metrics.push(Series { name, samples: vec![sample] }),
        }
    }
    Ok(PutMetricDataOutput::builder().build())
}
