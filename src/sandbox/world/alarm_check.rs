//! Health checks on alarms. A health check evaluates the metric with the alarm's settings; it does not wait for the
//! alarm's state.

use std::collections::BTreeMap;

use super::metrics::MetricName;
use super::route53::AlarmIdentifier;
use super::state::World;

/// How many periods before the evaluated ones are read when some of those have no data.
const EXTRA_PERIODS: u64 = 2;

impl World {
    /// Returns whether the metric of an alarm is within its threshold, from the newest complete periods with data: as
    /// many as the alarm evaluates. Returns `None` if there are too few: among the last periods or, with `ever`, among
    /// all.
    ///
    /// Only custom metrics and their maximum are evaluated; the model rejects health checks on other alarms.
    pub(super) fn is_alarm_metric_ok(&self, alarm: &AlarmIdentifier, ever: bool, at: u64) -> Option<bool> {
        let cloudwatch = &self.regions.get(alarm.region.as_str())?.cloudwatch;
        let alarm = cloudwatch.alarms.get(&alarm.name)?;
        let metric = MetricName::new(&alarm.namespace, &alarm.metric_name, alarm.dimensions.clone());
        let period = u64::try_from(alarm.period).unwrap_or_default().max(1) * 1000;
        let wanted = u64::try_from(alarm.evaluation_periods).unwrap_or(1).max(1);
        let oldest = if ever { 0 } else { at.saturating_sub((wanted + EXTRA_PERIODS) * period) };
        let samples =
            cloudwatch.metrics.iter().filter(|series| series.name == metric).flat_map(|series| &series.samples);
        let mut values: BTreeMap<u64, f64> = BTreeMap::new();
        for sample in samples.filter(|sample| sample.at >= oldest) {
            let begin = sample.at / period * period;
            if begin + period <= at {
                let value = values.entry(begin).or_insert(f64::NEG_INFINITY);
                *value = value.max(sample.measured.maximum());
            }
        }
        let newest: Vec<f64> = values.into_values().rev().take(usize::try_from(wanted).unwrap_or(usize::MAX)).collect();
        (u64::try_from(newest.len()) == Ok(wanted)).then(|| !newest.iter().all(|value| alarm.is_breached_by(*value)))
    }
}
