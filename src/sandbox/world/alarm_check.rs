//! What a health check makes of an alarm: it judges the metric by the alarm's settings, and does not wait for the alarm's state.

use std::collections::BTreeMap;

use super::World;
use super::metrics::MetricName;
use super::route53::AlarmIdentifier;

/// How many periods before those that count are looked at when some have no data.
const EXTRA: u64 = 2;

impl World {
    /// Returns whether the metric of an alarm is where it should be, by the newest periods that are over and have data: as many as the
    /// alarm evaluates. `None` without enough of them, of the last periods or, with `ever`, of all.
    ///
    /// Only what somebody has put is looked at, and its maximum: checks on anything else can not be made here.
    pub(super) fn is_alarm_quiet(&self, alarm: &AlarmIdentifier, ever: bool, at: u64) -> Option<bool> {
        let here = &self.regions.get(alarm.region.as_str())?.cloudwatch;
        let alarm = here.alarms.get(&alarm.name)?;
        let metric = MetricName::new(&alarm.namespace, &alarm.metric_name, alarm.dimensions.clone());
        let period = u64::try_from(alarm.period).unwrap_or_default().max(1) * 1000;
        let wanted = u64::try_from(alarm.evaluation_periods).unwrap_or(1).max(1);
        let oldest = if ever { 0 } else { at.saturating_sub((wanted + EXTRA) * period) };
        let samples = here.metrics.iter().filter(|series| series.name == metric).flat_map(|series| &series.samples);
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
