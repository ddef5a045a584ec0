//! Data points: the samples of a metric, aggregated to one value per period.

use super::expression::Points;
use super::service_metrics::ServiceMetrics;
use super::statistic::Stat;
use crate::world::World;
use crate::world::metrics::{MINUTE, Measured, MetricName, Sample};
use crate::world::timeline::Timeline;

/// A query for data points.
#[derive(Clone, Debug)]
pub(super) struct PointQuery {
    /// The metric.
    pub(super) metric: MetricName,
    /// How the values of a period are aggregated.
    pub(super) stat: Stat,
    /// Length of a period, in milliseconds.
    pub(super) period: u64,
    /// Only samples with this unit.
    pub(super) unit: Option<String>,
}

const DAY: u64 = 24 * 60 * 60 * 1000;

/// Returns the starts of all periods from `from`, rounded down to a period, until before `to` and the present.
///
/// "Data points with a period of 60 seconds are available for 15 days, […] 300 seconds […] 63 days, […] 3600 seconds
/// […] 455 days" ("Metrics retention").
pub(super) fn period_starts(world: &World, period: u64, from: u64, to: u64) -> Vec<u64> {
    let kept = match period {
        0..300_000 => 15 * DAY,
        300_000..3_600_000 => 63 * DAY,
        _ => 455 * DAY,
    };
    let mut starts = Vec::new();
    let mut at = from.max(world.now.saturating_sub(kept)) / period * period;
    while at < to && at <= world.now {
        starts.push(at);
        at += period;
    }
    starts
}

/// Until when after its end the minute of a service may be missing. A service sends a minute after it has measured it.
const LATE: u64 = 15_000;
/// Until when after its end the minute of a load balancer is incomplete: "Elastic Load Balancing measures and sends its
/// metrics in 60-second intervals", and each of its nodes sends its own ("CloudWatch metrics for your Application Load
/// Balancer").
const INCOMPLETE: u64 = 60_000;

/// Who reads data points.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reader {
    /// A caller, who gets what has arrived.
    Caller,
    /// CloudWatch itself, for the states of alarms, which it evaluates again when data arrives late.
    Alarm,
}

/// Returns what has arrived of a measured minute. Of a load balancer, only half of the nodes have sent theirs at first.
fn arrived(measured: Measured, namespace: &str, age: u64) -> Option<Measured> {
    match measured {
        _ if age < LATE => None,
        Measured::Values(values) if namespace == "AWS/ApplicationELB" && age < INCOMPLETE => {
            Some(Measured::Values(values.into_iter().map(|(value, count)| (value, count / 2.0)).collect()))
        }
        complete => Some(complete),
    }
}

/// Returns the data points whose periods start at `from`, rounded down to a period, or later, and before `to`.
///
/// A data point of a service appears after the end of its minute. Data that the script declares missing is left out.
pub(super) fn points(
    world: &World,
    region: &str,
    timeline: &Timeline<'_>,
    wanted: &PointQuery,
    (from, to): (u64, u64),
    reader: Reader,
) -> Points {
    let Some(region_state) = world.existing_region(region) else { return Points::new() };
    let services = ServiceMetrics::new(world, region_state, timeline);
    let metric = &wanted.metric;
    let stored: Vec<&Sample> = region_state
        .cloudwatch
        .metrics
        .iter()
        .filter(|series| series.name == *metric)
        .flat_map(|series| &series.samples)
        .filter(|sample| wanted.unit.as_ref().is_none_or(|unit| sample.unit == *unit))
        .collect();
    let is_missing = |at: u64| timeline.at(at).is_missing(&metric.namespace, &metric.name);
    let mut points = Points::new();
    for begin in period_starts(world, wanted.period, from, to) {
        let end = (begin + wanted.period).min(world.now.saturating_add(1));
        let put = stored
            .iter()
            .filter(|sample| (begin..end).contains(&sample.at) && !is_missing(sample.at))
            .map(|sample| sample.measured.clone());
        let mut measured: Vec<Measured> = put.collect();
        let mut minute = begin.div_ceil(MINUTE) * MINUTE;
        while minute < begin + wanted.period && minute + MINUTE <= world.now {
            let last = minute + MINUTE - 1;
            if metric.namespace.starts_with("AWS/") && wanted.unit.is_none() && !is_missing(last) {
                let is_immediate = reader == Reader::Alarm || world.script.script.immediate_metrics;
                let age = if is_immediate { u64::MAX } else { world.now - minute - MINUTE };
                measured.extend(services.at(metric, last).and_then(|all| arrived(all, &metric.namespace, age)));
            }
            minute += MINUTE;
        }
        if let Some(value) = wanted.stat.compute(&measured.iter().collect::<Vec<_>>()) {
            points.insert(begin, value);
        }
    }
    points
}
