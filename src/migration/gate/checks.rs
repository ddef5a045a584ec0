//! Evaluates requests, targets, tables and alarms.

use super::AlarmState;
use super::context::EvalContext;
use super::evaluation::Evaluation;
use super::reading::{Alarm, Point, Requests, Table, TableState, Targets};
use super::threshold::{FUTURE, in_window, is_in_future, values};
use super::verdict::Verdict;
use infra_config::{Limit, Side};

const SIDES: [Side; 2] = [Side::Source, Side::Target];

/// Evaluates the error rate of each environment that has traffic. No requests at all are no data.
pub(super) fn requests(limit: &Limit, all: &[Requests], context: &EvalContext) -> Evaluation {
    let sides = SIDES.into_iter().filter(|side| context.has_traffic(*side));
    let each = sides.map(|side| match all.iter().find(|one| one.side == side) {
        None => Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured")),
        Some(one) if is_in_future(limit, &one.all, context.now) || is_in_future(limit, &one.errors, context.now) => {
            Evaluation::new(Verdict::Error, format!("{side}: {FUTURE}"))
        }
        Some(one) => values(limit, " %", side.as_str(), error_rates(limit, one, context.now).into_iter()),
    });
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

/// Returns the percentage of errors in each period that has requests.
fn error_rates(limit: &Limit, one: &Requests, now: i64) -> Vec<f64> {
    let at = |points: &[Point], at: i64| {
        points.iter().filter(|point| point.at == at).map(|point| point.value).reduce(|a, b| a + b)
    };
    let mut rates = Vec::new();
    for point in in_window(limit, &one.all, now) {
        let errors = at(&one.errors, point.at).unwrap_or(0.0);
        // A load balancer does not count a request for which it had no target, but it counts the error.
        let all = if point.value.is_finite() { point.value.max(errors) } else { point.value };
        if all != 0.0 {
            rates.push(100.0 * errors / all);
        }
    }
    // Errors without requests: either the request count is late, or there was no target for any request.
    let late = 2 * i64::from(limit.period_seconds);
    for point in in_window(limit, &one.errors, now).filter(|point| point.value != 0.0) {
        if at(&one.all, point.at).is_none() && point.at.saturating_add(late) <= now {
            rates.push(if point.value.is_finite() { 100.0 } else { point.value });
        }
    }
    rates
}

/// Evaluates the targets of each environment that has traffic now or after the next step.
pub(super) fn targets(all: &[Targets], context: &EvalContext) -> Evaluation {
    let sides = SIDES.into_iter().filter(|side| context.has_or_gets_traffic(*side));
    let each = sides.map(|side| match all.iter().find(|one| one.side == side) {
        None => Evaluation::new(Verdict::NoData, format!("{side}: nothing was measured")),
        Some(one) if one.healthy == 0 => Evaluation::counted(Verdict::Fail, 0, format!("{side}: no target is healthy")),
        Some(one) if one.healthy < one.desired => {
            let text = format!("{side}: {} of {} targets are healthy", one.healthy, one.desired);
            Evaluation::counted(Verdict::Fail, one.healthy, text)
        }
        Some(one) => Evaluation::counted(
            Verdict::Pass,
            one.healthy,
            format!("{side}: {} healthy, {} desired", one.healthy, one.desired),
        ),
    });
    Evaluation::worst(each).unwrap_or_else(|| Evaluation::new(Verdict::NoData, "nothing was measured"))
}

/// Evaluates the comparison of the tables. If nothing was compared, there is no data.
pub(super) fn tables(all: &[Table], ignored: &[String]) -> Evaluation {
    let relevant: Vec<&Table> = all.iter().filter(|table| !ignored.contains(&table.name)).collect();
    let found = |verdict, states: &[TableState], what: &str| {
        let mut names = relevant.iter().filter(|table| states.contains(&table.state)).map(|table| table.name.as_str());
        let first = names.next()?;
        let others = names.count();
        let text =
            if others == 0 { format!("`{first}` {what}") } else { format!("`{first}` and {others} more {what}") };
        Some(Evaluation::counted(verdict, u32::try_from(others + 1).unwrap_or(u32::MAX), text))
    };
    if relevant.is_empty() {
        return Evaluation::new(Verdict::NoData, "no table was compared");
    }
    found(Verdict::Fail, &[TableState::Different], "differ: see the validation failures on the target")
        .or_else(|| {
            found(Verdict::Fail, &[TableState::NotCompared], "cannot be compared: no primary key, or validation is off")
        })
        .or_else(|| found(Verdict::Error, &[TableState::Failed], "could not be compared"))
        .or_else(|| found(Verdict::NoData, &[TableState::Pending], "still being compared"))
        .unwrap_or_else(|| Evaluation::counted(Verdict::Pass, 0, format!("{} tables are equal", relevant.len())))
}

/// Evaluates the alarms: none is raised, and all have data.
pub(super) fn alarms(all: &[Alarm]) -> Evaluation {
    let names =
        |state| all.iter().filter(|alarm| alarm.state == state).map(|alarm| alarm.name.as_str()).collect::<Vec<_>>();
    let (raised, blind) = (names(AlarmState::Alarm), names(AlarmState::InsufficientData));
    let count = |names: &[&str]| u32::try_from(names.len()).unwrap_or(u32::MAX);
    match (all.is_empty(), raised.is_empty(), blind.is_empty()) {
        (true, ..) => Evaluation::new(Verdict::NoData, "there is no alarm"),
        (_, false, _) => Evaluation::counted(Verdict::Fail, count(&raised), format!("raised: {}", raised.join(", "))),
        (_, _, false) => {
            Evaluation::counted(Verdict::NoData, count(&blind), format!("without data: {}", blind.join(", ")))
        }
        _ => Evaluation::counted(Verdict::Pass, 0, format!("{} alarms are quiet", all.len())),
    }
}
