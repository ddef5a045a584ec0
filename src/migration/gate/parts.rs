//! The verdict on requests, targets, tables and alarms.

use super::AlarmState;
use super::judge::Moment;
use super::reading::{Alarm, Point, Requests, Table, TableState, Targets};
use super::series::{AHEAD, in_window, is_ahead, values};
use super::verdict::Verdict;
use crate::config::{Limit, Side};

/// A verdict with what it rests on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) value: Option<f64>,
    pub(super) text: String,
}

impl Finding {
    pub(super) fn new(verdict: Verdict, text: impl Into<String>) -> Self {
        Self { verdict, value: None, text: text.into() }
    }

    fn counted(verdict: Verdict, value: u32, text: impl Into<String>) -> Self {
        Self { verdict, value: Some(f64::from(value)), text: text.into() }
    }

    /// Returns the worst; of several alike, the first.
    pub(super) fn worst(all: impl IntoIterator<Item = Self>) -> Option<Self> {
        all.into_iter().reduce(|one, other| if other.verdict > one.verdict { other } else { one })
    }
}

const SIDES: [Side; 2] = [Side::Source, Side::Target];

/// The share of errors, for each environment that has traffic. No request at all is no data there.
pub(super) fn requests(limit: &Limit, all: &[Requests], moment: &Moment) -> Finding {
    let sides = SIDES.into_iter().filter(|side| moment.has_traffic(*side));
    let each = sides.map(|side| match all.iter().find(|one| one.side == side) {
        None => Finding::new(Verdict::NoData, format!("{side}: nothing was measured")),
        Some(one) if is_ahead(limit, &one.all, moment.now) || is_ahead(limit, &one.errors, moment.now) => {
            Finding::new(Verdict::Error, format!("{side}: {AHEAD}"))
        }
        Some(one) => values(limit, " %", side.as_str(), shares(limit, one, moment.now).into_iter()),
    });
    Finding::worst(each).unwrap_or_else(|| Finding::new(Verdict::NoData, "nothing was measured"))
}

/// The percent of errors in each period that has requests.
fn shares(limit: &Limit, one: &Requests, now: i64) -> Vec<f64> {
    let at = |points: &[Point], at: i64| points.iter().filter(|point| point.at == at).map(|point| point.value).reduce(|a, b| a + b);
    let mut shares = Vec::new();
    for point in in_window(limit, &one.all, now) {
        let errors = at(&one.errors, point.at).unwrap_or(0.0);
        // A load balancer counts no request for which it had no target, but it does count the error.
        let all = if point.value.is_finite() { point.value.max(errors) } else { point.value };
        if all != 0.0 {
            shares.push(100.0 * errors / all);
        }
    }
    // Errors without requests: the count of requests is either late, or there really was no target for any of them.
    let late = 2 * i64::from(limit.period_seconds);
    for point in in_window(limit, &one.errors, now).filter(|point| point.value != 0.0) {
        if at(&one.all, point.at).is_none() && point.at.saturating_add(late) <= now {
            shares.push(if point.value.is_finite() { 100.0 } else { point.value });
        }
    }
    shares
}

/// Healthy targets wherever there is traffic, or will be with the next step.
pub(super) fn targets(all: &[Targets], moment: &Moment) -> Finding {
    let sides = SIDES.into_iter().filter(|side| moment.has_or_gets_traffic(*side));
    let each = sides.map(|side| match all.iter().find(|one| one.side == side) {
        None => Finding::new(Verdict::NoData, format!("{side}: nothing was measured")),
        Some(one) if one.healthy == 0 => Finding::counted(Verdict::Fail, 0, format!("{side}: no target is healthy")),
        Some(one) if one.healthy < one.desired => {
            let text = format!("{side}: {} of {} targets are healthy", one.healthy, one.desired);
            Finding::counted(Verdict::Fail, one.healthy, text)
        }
        Some(one) => Finding::counted(Verdict::Pass, one.healthy, format!("{side}: {} healthy, {} wanted", one.healthy, one.desired)),
    });
    Finding::worst(each).unwrap_or_else(|| Finding::new(Verdict::NoData, "nothing was measured"))
}

/// Every table is the same on both sides. That nothing was compared proves nothing.
pub(super) fn tables(all: &[Table], ignored: &[String]) -> Finding {
    let counted: Vec<&Table> = all.iter().filter(|table| !ignored.contains(&table.name)).collect();
    let found = |verdict, states: &[TableState], what: &str| {
        let mut names = counted.iter().filter(|table| states.contains(&table.state)).map(|table| table.name.as_str());
        let first = names.next()?;
        let others = names.count();
        let text = if others == 0 { format!("`{first}` {what}") } else { format!("`{first}` and {others} more {what}") };
        Some(Finding::counted(verdict, u32::try_from(others + 1).unwrap_or(u32::MAX), text))
    };
    if counted.is_empty() {
        return Finding::new(Verdict::NoData, "no table was compared");
    }
    found(Verdict::Fail, &[TableState::Different], "differ: see the validation failures on the target")
        .or_else(|| found(Verdict::Fail, &[TableState::NotCompared], "can not be compared: no primary key, or validation is off"))
        .or_else(|| found(Verdict::Error, &[TableState::Failed], "could not be compared"))
        .or_else(|| found(Verdict::NoData, &[TableState::Pending], "still being compared"))
        .unwrap_or_else(|| Finding::counted(Verdict::Pass, 0, format!("{} tables are the same", counted.len())))
}

/// No alarm is raised, and all have data.
pub(super) fn alarms(all: &[Alarm]) -> Finding {
    let names = |state| all.iter().filter(|alarm| alarm.state == state).map(|alarm| alarm.name.as_str()).collect::<Vec<_>>();
    let (raised, blind) = (names(AlarmState::Alarm), names(AlarmState::InsufficientData));
    let count = |names: &[&str]| u32::try_from(names.len()).unwrap_or(u32::MAX);
    match (all.is_empty(), raised.is_empty(), blind.is_empty()) {
        (true, ..) => Finding::new(Verdict::NoData, "there is no alarm"),
        (_, false, _) => Finding::counted(Verdict::Fail, count(&raised), format!("raised: {}", raised.join(", "))),
        (_, _, false) => Finding::counted(Verdict::NoData, count(&blind), format!("without data: {}", blind.join(", "))),
        _ => Finding::counted(Verdict::Pass, 0, format!("{} alarms are quiet", all.len())),
    }
}
