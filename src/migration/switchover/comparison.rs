//! Row 5: what has changed since the last validation is compared row by row, as far as it is small enough. Everything
//! is counted, and what is neither compared nor counted is named.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use infra_base::on_heap::on_heap;
use infra_compare::{Comparison, Options, TablePattern, TableResult, Verdict};
use infra_config::schema_and_table;
use infra_core::resource::describe;
use infra_database::{TableName, changes};
use infra_switchover::sql::{self, Compared};
use infra_switchover::{Checked, Failure, Row, Task};

use super::databases::Connected;
use super::view::View;
use crate::validation::Validation;

/// Tables up to this size, in bytes, are counted: a count reads the whole table.
pub(super) const LARGEST_COUNTED: u64 = 4 * 1024 * 1024 * 1024;
/// A MB, in bytes.
pub(super) const MB: u64 = 1024 * 1024;
/// The time of the rows that follow, if there is no forecast.
const LATER_ROWS: Duration = Duration::from_secs(90);
/// A comparison with less time is not begun.
const LEAST: Duration = Duration::from_secs(2);

/// Compares and counts.
///
/// # Errors
/// Rows differ, or what is configured to be compared cannot be compared.
pub(super) async fn check(view: View<'_>, task: Task<'_>, connected: &Connected<'_>) -> Result<Checked, Failure> {
    let [old, new] = connected.databases();
    let excluded = excluded(view);
    let validation = validation(view, task);
    let compared = Compared {
        validated: validation.as_ref().map(|last| &last.point),
        largest_bytes: LARGEST_COUNTED,
        excluded: &excluded,
    };
    let mut checked = sql::check(old, new, compared).await?;
    let mut sizes = changes::sizes(old).await.map_err(sql::Error::from)?;
    sizes.retain(|table, _| !excluded.contains(table));
    let is_full = view.settings.comparison.is_full;
    let selected = select(&sizes, validation.as_ref().map(|_| checked.changed.as_slice()), is_full);
    let small = selected.iter().filter(|table| sizes.get(table).is_some_and(|size| *size <= limit(view)));
    let small: Vec<TableName> = small.cloned().collect();
    if !small.is_empty() {
        let time = time_left(view, task);
        match compare(view, &small, time).await? {
            Some(comparison) => checked.compared = equal(&comparison, &small)?,
            None if is_full => {
                let why = format!("there are only {} s for the full comparison", time.as_secs());
                return Err(Failure::with_unknown_effect(why));
            }
            None => {}
        }
    }
    checked.validated_at = validation.map(|last| last.at);
    remaining(&mut checked, &sizes);
    Ok(checked)
}

/// Returns the tables to compare, if they are small enough: all of them, or those that have changed. Without a
/// validation, nobody knows which have changed, and none is compared unless all are.
fn select(sizes: &BTreeMap<TableName, u64>, changed: Option<&[TableName]>, is_full: bool) -> Vec<TableName> {
    match changed {
        _ if is_full => sizes.keys().cloned().collect(),
        Some(changed) => changed.to_vec(),
        None => Vec::new(),
    }
}

/// Names what was not compared although it has changed, or may have.
fn remaining(checked: &mut Checked, sizes: &BTreeMap<TableName, u64>) {
    let compared: BTreeSet<&TableName> = checked.compared.iter().collect();
    let uncounted: BTreeSet<&TableName> = checked.uncounted.iter().collect();
    let may_have_changed: Vec<&TableName> = match checked.validated_at {
        Some(_) => checked.changed.iter().collect(),
        None => sizes.keys().collect(),
    };
    let rest = may_have_changed.into_iter().filter(|table| !compared.contains(table));
    let (unproven, only_counted): (Vec<_>, Vec<_>) = rest.cloned().partition(|table| uncounted.contains(table));
    (checked.unproven, checked.only_counted) = (unproven, only_counted);
}

fn excluded(view: View<'_>) -> Vec<TableName> {
    let excluded = view.settings.excluded_tables.iter().map(|name| schema_and_table(name));
    excluded.map(|(schema, table)| TableName::new(schema, table)).collect()
}

/// Returns the last validation of the database that is the primary until now.
pub(super) fn validation(view: View<'_>, task: Task<'_>) -> Option<Validation> {
    let primary = task.direction.from();
    view.context.journal.read(|state| Validation::of(state, view.replication, primary))
}

/// Returns the size of the largest table that is compared, in bytes.
pub(super) fn limit(view: View<'_>) -> u64 {
    u64::from(view.settings.comparison.largest_mb) * MB
}

/// Returns how long a comparison can take without using up the budget of the rows that follow.
fn time_left(view: View<'_>, task: Task<'_>) -> Duration {
    let forecast = task.evidence.before.as_ref().and_then(|before| before.forecast.as_ref());
    let later = forecast.map_or(LATER_ROWS, |forecast| {
        [Row::Fallback, Row::Reconnect, Row::Open].into_iter().map(|row| forecast.row(row)).sum()
    });
    let deadline = task.deadline.map(|deadline| deadline.since(view.now()));
    deadline.unwrap_or_default().saturating_sub(later.saturating_mul(2))
}

/// Compares tables. `None` if there is not enough time.
async fn compare(view: View<'_>, tables: &[TableName], time: Duration) -> Result<Option<Comparison>, Failure> {
    if time < LEAST {
        return Ok(None);
    }
    let Some([source, target]) = view.databases.endpoints().await? else { return Ok(None) };
    let include = tables.iter().map(|table| TablePattern::exact(&table.schema, &table.name)).collect();
    let options = Options {
        include,
        statement_timeout: Some(time),
        large_objects: false,
        // Nothing arrives any more.
        recheck_times: 0,
        ..Options::default()
    };
    // The futures of a comparison are large.
    let comparison = on_heap(|| infra_compare::compare(&source, &target, &options, &|_| ()));
    match tokio::time::timeout(time, comparison).await {
        Ok(Ok(comparison)) => Ok(Some(comparison)),
        Ok(Err(error)) => Err(Failure::inconclusive(format!("the comparison failed: {}", describe(&error)))),
        Err(_) => Ok(None),
    }
}

/// Returns the tables that are equal.
///
/// # Errors
/// Rows differ.
fn equal(comparison: &Comparison, selected: &[TableName]) -> Result<Vec<TableName>, Failure> {
    let differs = |table: &&TableResult| {
        table.rows.any()
            || (table.source_rows.is_some() && table.target_rows.is_some() && table.source_rows != table.target_rows)
    };
    let different: Vec<String> = comparison.tables.iter().filter(differs).map(ToString::to_string).collect();
    if !different.is_empty() {
        return Err(Failure::with_unknown_effect(format!("rows differ: {}", different.join("; "))));
    }
    let is_complete = |table: &TableName| {
        let mut all = comparison.tables.iter();
        let found = all.find(|one| one.schema == table.schema && one.table == table.name);
        // A difference of the schema is none of the rows: `replication validate` reports it.
        found.is_some_and(|one| one.verdict != Verdict::Incomplete && one.incomplete.is_empty())
    };
    Ok(selected.iter().filter(|table| is_complete(table)).cloned().collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(names: &[&str]) -> Vec<TableName> {
        names.iter().map(|name| TableName::new("public", *name)).collect()
    }

    fn sizes() -> BTreeMap<TableName, u64> {
        names(&["a", "b", "c"]).into_iter().zip([1, 10 * MB, 100 * MB]).collect()
    }

    #[test]
    fn what_has_changed_is_compared_and_everything_only_if_configured() {
        let changed = names(&["b"]);
        assert_eq!(select(&sizes(), Some(&changed), false), changed);
        assert_eq!(select(&sizes(), Some(&changed), true), names(&["a", "b", "c"]));
        assert_eq!(select(&sizes(), None, false), names(&[]));
        assert_eq!(select(&sizes(), None, true), names(&["a", "b", "c"]));
    }

    #[test]
    fn what_is_not_proven_is_named() {
        let mut checked = Checked {
            changed: names(&["a", "b", "c"]),
            compared: names(&["a"]),
            uncounted: names(&["c"]),
            validated_at: Some("2026-01-01T00:00:00Z".to_owned()),
            ..Checked::default()
        };
        remaining(&mut checked, &sizes());
        assert_eq!((checked.only_counted, checked.unproven), (names(&["b"]), names(&["c"])));
        // A table that has not changed since it was compared needs nothing.
        let mut checked =
            Checked { validated_at: Some("now".to_owned()), uncounted: names(&["c"]), ..Checked::default() };
        remaining(&mut checked, &sizes());
        assert_eq!((checked.only_counted, checked.unproven), (names(&[]), names(&[])));
        // Without a validation, every table may have changed.
        let mut checked = Checked { uncounted: names(&["c"]), ..Checked::default() };
        remaining(&mut checked, &sizes());
        assert_eq!((checked.only_counted, checked.unproven), (names(&["a", "b"]), names(&["c"])));
    }
}
