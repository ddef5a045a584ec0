//! The state of an alarm, computed from the data points of its metric ("Using Amazon CloudWatch alarms", Evaluating an
//! alarm).

use aws_sdk_cloudwatch::types::StateValue;

use super::points::{PointQuery, Reader, points};
use super::statistic::Stat;
use crate::world::World;
use crate::world::cloudwatch::Alarm;
use crate::world::metrics::MetricName;
use crate::world::timeline::Timeline;

/// How long a new alarm stays unevaluated, in milliseconds.
const FIRST_EVALUATION: u64 = 60_000;
/// How many periods before the evaluated ones are read when some of those have no data: the evaluation range is longer
/// than the number of evaluation periods.
const EXTRA_PERIODS: u64 = 2;
/// How many evaluations back the model searches for a state that is kept because data is missing.
const MAX_LOOKBACK: u64 = 1440;

/// A state and the reason for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) value: StateValue,
    pub(super) reason: String,
}

/// Returns the current state of an alarm.
pub(super) fn state(world: &World, region: &str, timeline: &Timeline<'_>, alarm: &Alarm) -> State {
    let unchecked =
        || State { value: StateValue::InsufficientData, reason: "Unchecked: Initial alarm creation".to_owned() };
    let statistic = alarm.extended_statistic.as_deref().or(alarm.statistic.as_deref()).unwrap_or_default();
    let (Ok(stat), Ok(seconds)) = (Stat::read(statistic), u64::try_from(alarm.period)) else { return unchecked() };
    let metric = MetricName::new(&alarm.namespace, &alarm.metric_name, alarm.dimensions.clone());
    let wanted = PointQuery { metric, stat, period: (seconds * 1000).max(1000), unit: None };
    let last = world.now / wanted.period * wanted.period;
    for back in 0..MAX_LOOKBACK {
        let end = last.saturating_sub(back * wanted.period);
        if (if back == 0 { world.now } else { end }) < alarm.created_at + FIRST_EVALUATION {
            break;
        }
        if let Some(state) = evaluate(world, region, timeline, alarm, &wanted, end) {
            return state;
        }
    }
    unchecked()
}

/// Returns the state at the end of a period; `None` when it does not change.
fn evaluate(
    world: &World,
    region: &str,
    timeline: &Timeline<'_>,
    alarm: &Alarm,
    wanted: &PointQuery,
    end: u64,
) -> Option<State> {
    let periods = u64::try_from(alarm.evaluation_periods).unwrap_or(1);
    let needed = u64::try_from(alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods)).unwrap_or(1);
    let from = end.saturating_sub((periods + EXTRA_PERIODS) * wanted.period);
    // Newest first, at most as many as are evaluated.
    let found: Vec<f64> =
        points(world, region, timeline, wanted, (from, end), Reader::Alarm).into_values().rev().collect();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let counted: Vec<f64> = found.into_iter().take(usize::try_from(periods).unwrap_or(usize::MAX)).collect();
    let breaching = count(counted.iter().filter(|value| alarm.is_breached_by(**value)).count());
    let (real, missing) = (count(counted.len()), periods - count(counted.len()));
    let threshold_state = |value: StateValue, points: u64| {
        let described: Vec<String> = counted.iter().map(f64::to_string).collect();
        let (verb, operator) =
            if value == StateValue::Alarm { ("was", operator_text(alarm)) } else { ("was not", operator_text(alarm)) };
        let reason = format!(
            "Threshold Crossed: {points} out of the last {periods} datapoints [{}] {verb} {operator} the threshold \
             ({:?}).",
            described.join(", "),
            alarm.threshold
        );
        State { value, reason }
    };
    let alarmed = |points: u64| Some(threshold_state(StateValue::Alarm, points));
    let ok = || Some(threshold_state(StateValue::Ok, real - breaching));
    match alarm.treat_missing_data.as_deref().unwrap_or("missing") {
        _ if breaching >= needed => alarmed(breaching),
        _ if missing == 0 => ok(),
        "breaching" if breaching + missing >= needed => alarmed(breaching),
        // All known data points breach the threshold, or there are none.
        "ignore" if breaching == real => None,
        "missing" if real == 0 => Some(State {
            value: StateValue::InsufficientData,
            reason: format!("Insufficient Data: {periods} datapoints were unknown."),
        }),
        "missing" if breaching == real => alarmed(breaching),
        _ => ok(),
    }
}

fn operator_text(alarm: &Alarm) -> &'static str {
    match alarm.comparison_operator.as_str() {
        "GreaterThanThreshold" => "greater than",
        "GreaterThanOrEqualToThreshold" => "greater than or equal to",
        "LessThanThreshold" => "less than",
        _ => "less than or equal to",
    }
}
