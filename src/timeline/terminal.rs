//! The chart of a run for a terminal.

use infra_base::terminal_text::inline;

use crate::model::{Bar, End, Timeline};
use crate::text::{duration, expectation, marks, shortened};

/// The widest column of addresses, in characters.
const LONGEST: usize = 44;
/// The width of a duration.
const DURATION: usize = 13;
/// The narrowest chart.
const NARROWEST: usize = 16;
/// How many verdicts of a gate are listed. The page has all of them.
const SHOWN_VERDICTS: usize = 4;
/// How many characters a mark on the axis needs.
const MARK: usize = 12;

/// Returns the lines of the chart of a run, for a terminal with this number of columns.
pub fn chart(timeline: &Timeline, columns: usize) -> Vec<String> {
    let mut lines = heading(timeline);
    let changes: Vec<(usize, &Bar)> = timeline.changes().collect();
    if !changes.is_empty() {
        let most = LONGEST.min((columns / 2).max(NARROWEST));
        let names: Vec<String> = changes.iter().map(|(_, bar)| shortened(&inline(&bar.address), most)).collect();
        let label = names.iter().map(|name| name.chars().count()).max().unwrap_or(0) + 2;
        let width = columns.saturating_sub(label + 1 + DURATION).clamp(NARROWEST, 200);
        lines.push(String::new());
        lines.push(axis(timeline.seconds, label + 1, width));
        for ((index, bar), name) in changes.iter().zip(&names) {
            let mark = if timeline.is_critical(*index) { '*' } else { ' ' };
            let used = name.chars().count() + 2;
            let cells = cells(bar, timeline.seconds, width);
            let end = match bar.end {
                End::Done | End::Unchanged => duration(bar.seconds()),
                End::Blocked => "not attempted".to_owned(),
                other => other.as_str().to_owned(),
            };
            let pad = " ".repeat(label.saturating_sub(used) + 1);
            lines.push(format!("{mark} {name}{pad}{cells} {end}").trim_end().to_owned());
        }
        lines.push(String::new());
        lines.push(
            "* critical path   █ until accepted   ▒ until ready   · could have begun   ! retry   ✗ failed".to_owned(),
        );
    }
    match timeline.unchanged() {
        0 => {}
        1 => lines.push("one resource was as configured".to_owned()),
        count => lines.push(format!("{count} resources were as configured")),
    }
    lines.extend(critical_path(timeline));
    lines.extend(migration(timeline));
    lines.extend(calls(timeline));
    lines.extend(errors(timeline));
    lines
}

fn heading(timeline: &Timeline) -> Vec<String> {
    let run = &timeline.run;
    let mut first = format!(
        "{} `{}`, {}: {} after {}",
        inline(&run.command),
        inline(&run.stack),
        inline(&run.started),
        inline(run.outcome()),
        duration(timeline.seconds)
    );
    if let Some(plan) = run.plan.as_ref().filter(|plan| plan.expected_seconds > 0) {
        first.push_str(&format!(", expected {}", expectation(plan.expected_seconds, plan.expected_range_seconds)));
    }
    let mut lines = vec![first];
    if run.truncated {
        lines.push("events are missing: there were too many".to_owned());
    }
    lines
}

/// Returns the marks of the time axis.
fn axis(length: f64, indent: usize, width: usize) -> String {
    let mut line: Vec<char> = vec![' '; indent];
    let most = u32::try_from(width / MARK).unwrap_or(1);
    for at in marks(length, most) {
        let column = indent + column(at, length, width);
        let text = duration(at);
        if column < line.len() && at > 0.0 {
            continue;
        }
        line.resize(column.max(line.len()), ' ');
        line.extend(text.chars());
    }
    line.into_iter().collect::<String>().trim_end().to_owned()
}

/// Returns the part of the line that shows when a step did what.
fn cells(bar: &Bar, length: f64, width: usize) -> String {
    let mut cells = vec![' '; width];
    let mut fill = |from: f64, to: f64, with: char| {
        let (first, last) = (column(from, length, width), column(to, length, width));
        for cell in &mut cells[first..=last.max(first)] {
            *cell = with;
        }
    };
    if bar.end == End::Blocked {
        fill(bar.start, bar.start, '·');
        return cells.into_iter().collect();
    }
    if column(bar.possible, length, width) < column(bar.start, length, width) {
        fill(bar.possible, bar.start, '·');
    }
    let accepted = bar.created.unwrap_or(bar.finish);
    // What happens in one cell is shown as the work.
    if column(accepted, length, width) < column(bar.finish, length, width) {
        fill(accepted, bar.finish, '▒');
    }
    fill(bar.start, accepted, '█');
    for retry in &bar.retries {
        fill(retry.at, retry.at, '!');
    }
    if bar.end == End::Failed {
        fill(bar.finish, bar.finish, '✗');
    }
    cells.into_iter().collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "the result is at most the width of a terminal"
)]
fn column(at: f64, length: f64, width: usize) -> usize {
    let share = if length > 0.0 { (at / length).clamp(0.0, 1.0) } else { 0.0 };
    ((share * width as f64) as usize).min(width.saturating_sub(1))
}

fn critical_path(timeline: &Timeline) -> Vec<String> {
    if timeline.critical_path.len() < 2 {
        return Vec::new();
    }
    let mut lines = vec![String::new(), "the longest chain:".to_owned()];
    for bar in timeline.critical_path.iter().map(|index| &timeline.steps[*index]) {
        let expected = bar.expected.filter(|seconds| *seconds > 0);
        let expected = expected.map(|seconds| format!(", expected {}", expectation(seconds, None))).unwrap_or_default();
        lines.push(format!("  {} {}{expected}", inline(&bar.address), duration(bar.seconds())));
    }
    lines
}

fn migration(timeline: &Timeline) -> Vec<String> {
    let Some(migration) = &timeline.migration else { return Vec::new() };
    let mut lines = vec![String::new()];
    if !migration.weights.is_empty() {
        lines.push("share of the target:".to_owned());
        let mut last = None;
        for weight in migration.weights.iter().filter(|weight| last.replace(weight.live) != Some(weight.live)) {
            lines.push(format!("  {:>12}  {:>3} %", duration(weight.at), weight.live));
        }
    }
    if let Some(most) = migration.lag.iter().map(|point| point.value).max_by(f64::total_cmp) {
        lines.push(format!("lag of the replication: at most {}", duration(most)));
    }
    for gate in &migration.gates {
        let shown = gate.verdicts.iter().take(SHOWN_VERDICTS);
        let mut changes: Vec<String> =
            shown.map(|one| format!("{} from {}", inline(&one.verdict), duration(one.from))).collect();
        if let (Some(last), true) = (gate.verdicts.last(), gate.verdicts.len() > SHOWN_VERDICTS) {
            let more = gate.verdicts.len() - SHOWN_VERDICTS;
            changes.push(format!("{more} more changes, at last {}", inline(&last.verdict)));
        }
        lines.push(format!("gate {}: {}", inline(&gate.name), changes.join(", ")));
    }
    for one in &migration.switchovers {
        let outcome = one.outcome.as_deref().unwrap_or("unfinished");
        lines.push(format!("switchover {} to {}: {}", inline(&one.from), inline(&one.to), inline(outcome)));
        for row in &one.rows {
            let undone = if row.undone { " (undone)" } else { "" };
            let forecast = row.forecast.map(|time| format!(", forecast {}", duration(time))).unwrap_or_default();
            lines.push(format!("  {}{undone} {}{forecast}", inline(&row.name), duration(row.to - row.from)));
        }
    }
    if let Some(closed) = migration.without_writes_seconds {
        lines.push(format!("without writes: {}", duration(closed)));
    }
    lines
}

fn calls(timeline: &Timeline) -> Vec<String> {
    if timeline.calls.is_empty() {
        return Vec::new();
    }
    let of = timeline.calls.iter().map(|one| format!("{} {}", inline(&one.service), one.calls));
    vec![String::new(), format!("calls: {}", of.collect::<Vec<_>>().join(", "))]
}

fn errors(timeline: &Timeline) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for error in &timeline.errors {
        let address = error.address.as_ref().map(|address| format!("{}: ", inline(address))).unwrap_or_default();
        lines.push(format!("  {} {address}{}", duration(error.at), inline(&error.text)));
    }
    if let Some(error) = &timeline.run.error {
        lines.push(format!("  the run ended with: {}", inline(error)));
    }
    if !lines.is_empty() {
        lines.splice(0..0, [String::new(), "errors:".to_owned()]);
    }
    lines
}
