//! The report for a terminal: short, one finding a line.

use std::fmt::Write;

use super::model::{Conclusion, Report};
use crate::verdict::{Finding, Findings};

/// The number of findings of each type that are shown.
const SHOWN: usize = 5;
/// The number of changes of the primary that are shown.
const SPANS: usize = 8;

pub(super) fn render(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String does not fail.
    let _ = write(report, &mut text);
    text
}

/// Returns the conclusion as a sentence.
pub(super) fn conclusion(report: &Report) -> String {
    let (verdict, database) = (&report.verdict, &report.verdict.database);
    match report.conclusion {
        Conclusion::NothingLost => {
            format!("all {} acknowledged payments are in {database}, once and unchanged", verdict.acknowledged)
        }
        Conclusion::TwoPrimaries => {
            format!("writes alternated between databases {} times", report.traffic.writes.len().saturating_sub(1))
        }
        Conclusion::NothingAcknowledged => "no payment was acknowledged, which proves nothing".to_owned(),
        Conclusion::PaymentsLost => {
            let mut parts = Vec::new();
            for (name, findings) in
                [("lost", &verdict.lost), ("duplicated", &verdict.duplicated), ("changed", &verdict.changed)]
            {
                if findings.rows > 0 {
                    parts.push(format!("{} {name} ({} rows)", findings.requests, findings.rows));
                }
            }
            if verdict.colliding > 0 {
                parts.push(format!("{} colliding numbers", verdict.colliding));
            }
            if let Some(balances) = verdict.balances.as_ref().filter(|balances| balances.wrong > 0) {
                parts.push(format!("{} wrong balances", balances.wrong));
            }
            format!("of {} acknowledged payments in {database}: {}", verdict.acknowledged, parts.join(", "))
        }
    }
}

/// Returns a finding as one line.
pub(super) fn finding(finding: &Finding) -> String {
    let mut text = format!("{} ({})", finding.table, finding.key.join(", "));
    if let Some(kind) = finding.kind {
        text += &format!(": {kind} acknowledged by {} on {}", finding.database, finding.side);
    }
    if !finding.columns.is_empty() {
        text += &format!("; other values in {}", finding.columns.join(", "));
    }
    if finding.is_stale {
        text += "; the last acknowledged change is missing";
    }
    if finding.copies > 1 {
        text += &format!("; {} rows", finding.copies);
    }
    if !finding.found_in.is_empty() {
        text += &format!("; it is in {}", finding.found_in.join(", "));
    }
    if let Some(other) = &finding.number_taken_by {
        text += &format!("; its number belongs to {other}");
    }
    text
}

fn write(report: &Report, text: &mut String) -> std::fmt::Result {
    let (traffic, verdict) = (&report.traffic, &report.verdict);
    writeln!(text, "{}: {}", report.title, conclusion(report))?;
    writeln!(
        text,
        "payments    {} sent, {} acknowledged, {} refused, {} unknown ({} appeared)",
        traffic.sent, traffic.acknowledged, traffic.refused, traffic.unknown, verdict.unacknowledged
    )?;
    for (side, count) in &traffic.by_side {
        let side = if side.is_empty() { "no address" } else { side };
        let answers: Vec<String> = count.answers.iter().map(|(answer, count)| format!("{answer} x {count}")).collect();
        writeln!(text, "  {side:<10}{} acknowledged  {}", count.acknowledged, answers.join(", "))?;
    }
    if traffic.writes.len() > 1 {
        let spans = traffic.writes.iter().take(SPANS).map(|span| format!("{} ({})", span.database, span.acknowledged));
        let more = if traffic.writes.len() > SPANS { ", ..." } else { "" };
        writeln!(text, "primary     {}{more}", spans.collect::<Vec<_>>().join(", then "))?;
    }
    writeln!(
        text,
        "no writes   {:.2} s at most, {:.2} s in all",
        traffic.gaps.longest_seconds, traffic.gaps.total_seconds
    )?;
    let latency = traffic.latency;
    writeln!(
        text,
        "latency     {:.0} ms median, {:.0} ms p90, {:.0} ms p99, {:.0} ms at most",
        latency.p50, latency.p90, latency.p99, latency.max
    )?;
    if let Some(lag) = report.lag {
        writeln!(text, "lag         {:.1} s at most, {:.1} s p99", lag.max_seconds, lag.p99_seconds)?;
    }
    for gate in &report.gates {
        writeln!(text, "gate        {}: {} {}", gate.gate, gate.verdict, gate.detail)?;
    }
    for (name, findings) in
        [("lost", &verdict.lost), ("duplicated", &verdict.duplicated), ("changed", &verdict.changed)]
    {
        write_findings(text, name, findings)?;
    }
    for collision in verdict.collisions.iter().take(SHOWN) {
        writeln!(
            text,
            "colliding   {}: {} = {} was assigned by {} and {}",
            collision.table, collision.column, collision.number, collision.databases[0], collision.databases[1]
        )?;
    }
    write_more(text, verdict.colliding)?;
    if let Some(balances) = verdict.balances.as_ref().filter(|balances| balances.wrong > 0) {
        for account in balances.examples.iter().take(SHOWN) {
            let (balance, expected) = (&account.balance, &account.expected);
            writeln!(text, "balance     account {}: {balance} instead of {expected}", account.account)?;
        }
        write_more(text, balances.wrong)?;
    }
    if let Some(differences) = &report.differences {
        let equal = if differences.is_equal { "equal" } else { "different" };
        writeln!(text, "databases   {} and {} are {equal}", differences.source, differences.target)?;
        let groups = [
            ("table", &differences.tables_different),
            ("index", &differences.indexes_missing),
            ("constraint", &differences.constraints_missing),
            ("sequence", &differences.sequences_missing),
            ("sequence", &differences.sequences_behind),
            ("other", &differences.others),
        ];
        for (name, lines) in groups {
            for line in lines.iter().take(SHOWN) {
                writeln!(text, "  {name:<11}{line}")?;
            }
            write_more(text, lines.len() as u64)?;
        }
        for column in &differences.truncated {
            writeln!(
                text,
                "  truncated {}.{}: {} values, the longest has {} characters left",
                column.table, column.column, column.rows, column.longest
            )?;
        }
    }
    for note in &report.notes {
        writeln!(text, "note        {note}")?;
    }
    Ok(())
}

fn write_findings(text: &mut String, name: &str, findings: &Findings) -> std::fmt::Result {
    for example in findings.examples.iter().take(SHOWN) {
        writeln!(text, "{name:<12}{}", finding(example))?;
    }
    write_more(text, findings.rows)
}

fn write_more(text: &mut String, count: u64) -> std::fmt::Result {
    match count.checked_sub(SHOWN as u64) {
        Some(more) if more > 0 => writeln!(text, "            and {more} more"),
        _ => Ok(()),
    }
}
