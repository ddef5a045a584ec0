//! The state of an alarm, which follows from the data points of its metric ("Using Amazon CloudWatch alarms", Evaluating an alarm).

use aws_sdk_cloudwatch::types::StateValue;

use super::points::{Wanted, points};
use super::statistic::Stat;
use crate::sandbox::world::World;
use crate::sandbox::world::cloudwatch::Alarm;
use crate::sandbox::world::metrics::MetricName;
use crate::sandbox::world::timeline::Timeline;

/// How long a new alarm has not looked at anything, in milliseconds.
const FIRST_LOOK: u64 = 60_000;
/// How many periods before those that count are looked at when some of these have no data: the evaluation range is longer than the
/// number of evaluation periods.
const EXTRA: u64 = 2;
/// How far back a state is looked for that is kept because data is missing, in evaluations.
const MEMORY: u64 = 1440;

/// A state and the words for it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct State {
    pub(super) value: StateValue,
    pub(super) reason: String,
}

/// Returns the state of an alarm as it is now.
pub(super) fn state(world: &World, region: &str, timeline: &Timeline<'_>, alarm: &Alarm) -> State {
    let unchecked = || State { value: StateValue::InsufficientData, reason: "Unchecked: Initial alarm creation".to_owned() };
    let statistic = alarm.extended_statistic.as_deref().or(alarm.statistic.as_deref()).unwrap_or_default();
    let (Ok(stat), Ok(seconds)) = (Stat::read(statistic), u64::try_from(alarm.period)) else { return unchecked() };
    let metric = MetricName::new(&alarm.namespace, &alarm.metric_name, alarm.dimensions.clone());
    let wanted = Wanted { metric, stat, period: (seconds * 1000).max(1000), unit: None };
    let last = world.now / wanted.period * wanted.period;
    for back in 0..MEMORY {
        let end = last.saturating_sub(back * wanted.period);
        if (if back == 0 { world.now } else { end }) < alarm.created_at + FIRST_LOOK {
            break;
        }
        if let Some(state) = evaluate(world, region, timeline, alarm, &wanted, end) {
            return state;
        }
    }
    unchecked()
}

/// Returns the state at the end of a period; `None` when it stays as it was.
fn evaluate(world: &World, region: &str, timeline: &Timeline<'_>, alarm: &Alarm, wanted: &Wanted, end: u64) -> Option<State> {
    let periods = u64::try_from(alarm.evaluation_periods).unwrap_or(1);
    let needed = u64::try_from(alarm.datapoints_to_alarm.unwrap_or(alarm.evaluation_periods)).unwrap_or(1);
    let from = end.saturating_sub((periods + EXTRA) * wanted.period);
    // Newest first, and no more of them than count.
    let found: Vec<f64> = points(world, region, timeline, wanted, from, end).into_values().rev().collect();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    let counted: Vec<f64> = found.into_iter().take(usize::try_from(periods).unwrap_or(usize::MAX)).collect();
    let breaching = count(counted.iter().filter(|value| alarm.is_breached_by(**value)).count());
    let (real, missing) = (count(counted.len()), periods - count(counted.len()));
    let words = |value: StateValue, points: u64| {
        let shown: Vec<String> = counted.iter().map(f64::to_string).collect();
        let (verb, operator) = if value == StateValue::Alarm { ("was", words(alarm)) } else { ("was not", words(alarm)) };
        let reason = format!(
            "Threshold Crossed: {points} out of the last {periods} datapoints [{}] {verb} {operator} the threshold ({:?}).",
            shown.join(", "),
            alarm.threshold
        );
        State { value, reason }
    };
    let alarmed = |points: u64| Some(words(StateValue::Alarm, points));
    let ok = || Some(words(StateValue::Ok, real - breaching));
    match alarm.treat_missing_data.as_deref().unwrap_or("missing") {
        _ if breaching >= needed => alarmed(breaching),
        _ if missing == 0 => ok(),
        "breaching" if breaching + missing >= needed => alarmed(breaching),
        // As much as is known speaks for it, or nothing is.
        "ignore" if breaching == real => None,
        "missing" if real == 0 => {
            Some(State { value: StateValue::InsufficientData, reason: format!("Insufficient Data: {periods} datapoints were unknown.") })
        }
        "missing" if breaching == real => alarmed(breaching),
        _ => ok(),
    }
}

fn words(alarm: &Alarm) -> &'static str {
    match alarm.comparison_operator.as_str() {
        "GreaterThanThreshold" => "greater than",
        "GreaterThanOrEqualToThreshold" => "greater than or equal to",
        "LessThanThreshold" => "less than",
        _ => "less than or equal to",
    }
}
