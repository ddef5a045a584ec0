//! Evaluates tables and alarms.

use super::AlarmState;
use super::context::SIDES;
use super::evaluation::Evaluation;
use super::reading::{Alarm, Table, TableState};
use super::verdict::Verdict;

/// Whether differences of tables count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Differences {
    /// They count.
    Count,
    /// They do not, because the service writes to the target.
    AreExpected,
}

/// Evaluates the comparison of the tables. If nothing was compared, there is no data. A table that DMS has suspended
/// fails in every case: its changes do not arrive any more.
pub(super) fn tables(all: &[Table], ignored: &[String], differences: Differences) -> Evaluation {
    let relevant: Vec<&Table> = all.iter().filter(|table| !ignored.contains(&table.name)).collect();
    let mut suspended = all.iter().filter(|table| table.is_suspended).map(|table| table.name.as_str());
    if let Some(first) = suspended.next() {
        let others = suspended.count();
        let names = if others == 0 { format!("`{first}`") } else { format!("`{first}` and {others} more") };
        let count = u32::try_from(others + 1).unwrap_or(u32::MAX);
        let text = format!("{names} not replicated any more: DMS has suspended it after an error");
        return Evaluation::counted(Verdict::Fail, count, text);
    }
    if differences == Differences::AreExpected && !all.is_empty() {
        let text = format!(
            "{} tables are replicated; rows are not compared, because DMS reports those that are written at the target \
             as differences",
            all.len()
        );
        return Evaluation::counted(Verdict::Pass, 0, text);
    }
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
            let what = "cannot be compared by DMS: no primary key, or validation is off; `replication validate` can";
            found(Verdict::Fail, &[TableState::NotCompared], what)
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
        (_, false, _) => {
            let is_raised = |side| all.iter().any(|one| one.side == Some(side) && one.state == AlarmState::Alarm);
            let unhealthy = SIDES.into_iter().filter(|side| is_raised(*side)).collect();
            let text = format!("raised: {}", raised.join(", "));
            Evaluation { unhealthy, ..Evaluation::counted(Verdict::Fail, count(&raised), text) }
        }
        (_, _, false) => {
            Evaluation::counted(Verdict::NoData, count(&blind), format!("without data: {}", blind.join(", ")))
        }
        _ => Evaluation::counted(Verdict::Pass, 0, format!("{} alarms are quiet", all.len())),
    }
}
