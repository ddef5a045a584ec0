//! The report as one page for a change ticket: no external resources, and every text is escaped.

use std::fmt::Write;

use super::chart;
use super::escape::escaped;
use super::model::{Conclusion, Report};
use super::text;
use crate::verdict::Findings;

/// The number of findings of each type on the page. All of them are in the JSON form.
const SHOWN: usize = 100;

const STYLE: &str = "\
    body{font:15px/1.5 system-ui,sans-serif;color:#1d2430;max-width:1000px;margin:2em auto;padding:0 1em}\
    h1{font-size:1.5em}h2{font-size:1.15em;margin-top:2em}table{border-collapse:collapse;width:100%}\
    td,th{text-align:left;padding:.25em .7em;border-bottom:1px solid #d9dee6;vertical-align:top}\
    svg{width:100%;height:auto}svg text{font-size:11px;fill:#555}\
    .verdict{padding:.8em 1em;border-left:6px solid;background:#f5f7fa;font-size:1.1em}\
    .good{border-color:#2e8b57}.bad{border-color:#c8403a}.open{border-color:#b58a2a}\
    .legend span{margin-right:1.5em}.legend i{display:inline-block;width:.9em;height:.9em;margin-right:.4em}\
    li{overflow-wrap:anywhere}";

pub(super) fn render(report: &Report) -> String {
    let class = match report.conclusion {
        Conclusion::NothingLost => "good",
        Conclusion::PaymentsLost | Conclusion::TwoPrimaries => "bad",
        Conclusion::NothingAcknowledged => "open",
    };
    let title = escaped(&report.title);
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Rehearsal: {title}</title>\
         <style>{STYLE}</style></head><body>\n<h1>Rehearsal: {title}</h1>\n<p class=\"verdict {class}\">{}</p>\n",
        escaped(&text::conclusion(report))
    );
    // Writing to a String does not fail.
    let _ = write(report, &mut page);
    page + "</body></html>\n"
}

fn write(report: &Report, page: &mut String) -> std::fmt::Result {
    let (traffic, verdict) = (&report.traffic, &report.verdict);
    page.push_str(&chart::render(report));
    let seconds = |value: f64| format!("{value:.2} s");
    let mut rows = vec![
        ("payments sent", traffic.sent.to_string()),
        ("acknowledged", traffic.acknowledged.to_string()),
        ("of these after a repeated attempt", traffic.repeated.to_string()),
        ("refused", traffic.refused.to_string()),
        ("unknown", traffic.unknown.to_string()),
        ("unacknowledged rows that exist", verdict.unacknowledged.to_string()),
        ("rows checked", verdict.rows_checked.to_string()),
        ("longest time without writes", seconds(traffic.gaps.longest_seconds)),
        ("total time without writes", seconds(traffic.gaps.total_seconds)),
        ("latency, median", format!("{:.1} ms", traffic.latency.p50)),
        ("latency, 99th percentile", format!("{:.1} ms", traffic.latency.p99)),
    ];
    if let Some(lag) = report.lag {
        rows.push(("largest lag", seconds(lag.max_seconds)));
        rows.push(("lag, 99th percentile", seconds(lag.p99_seconds)));
    }
    table(page, "Result", &["", ""], rows.iter().map(|(name, value)| vec![(*name).to_owned(), value.clone()]))?;
    for (name, findings) in
        [("Lost", &verdict.lost), ("Duplicated", &verdict.duplicated), ("Changed", &verdict.changed)]
    {
        list_findings(page, name, findings)?;
    }
    let collisions = verdict.collisions.iter().take(SHOWN).map(|collision| {
        vec![
            format!("{}.{}", collision.table, collision.column),
            collision.number.to_string(),
            collision.databases.join(", "),
            collision.requests.join(", "),
        ]
    });
    let heading = format!("Colliding numbers ({})", verdict.colliding);
    table(page, &heading, &["column", "number", "databases", "requests"], collisions)?;
    if let Some(balances) = &verdict.balances {
        let heading = format!("Wrong balances ({} of {})", balances.wrong, balances.accounts);
        let wrong = balances.examples.iter();
        let rows = wrong.map(|of| vec![of.account.clone(), of.balance.clone(), of.expected.clone()]);
        table(page, &heading, &["account", "balance", "sum of the entries"], rows)?;
    }
    let sides = traffic.by_side.iter().map(|(side, count)| {
        let list = |map: &std::collections::BTreeMap<String, u64>| {
            map.iter().map(|(name, count)| format!("{name}: {count}")).collect::<Vec<_>>().join(", ")
        };
        vec![side.clone(), count.acknowledged.to_string(), list(&count.databases), list(&count.answers)]
    });
    table(page, "Sides", &["side", "acknowledged", "by database", "other answers"], sides)?;
    let phases = report.phases.iter().map(|phase| {
        let offset = |at: u64| {
            let since = std::time::Duration::from_micros(at.saturating_sub(traffic.started_at));
            format!("{:.2} s", since.as_secs_f64())
        };
        let end = phase.ended_at.map_or_else(|| "open".to_owned(), offset);
        vec![phase.name.clone(), offset(phase.started_at), end, phase.detail.clone()]
    });
    table(page, "Phases", &["phase", "from", "to", ""], phases)?;
    let gates = report.gates.iter().map(|gate| vec![gate.gate.clone(), gate.verdict.clone(), gate.detail.clone()]);
    table(page, "Gates", &["gate", "verdict", "reason"], gates)?;
    if let Some(differences) = &report.differences {
        let equal = if differences.is_equal { "equal" } else { "different" };
        write!(
            page,
            "<h2>Databases</h2><p>{} and {} are {equal}: {} tables are equal, {} differ; {} defaults differ.</p>",
            escaped(&differences.source),
            escaped(&differences.target),
            differences.tables_equal,
            differences.tables_different.len(),
            differences.defaults_different
        )?;
        let truncated: Vec<String> = differences
            .truncated
            .iter()
            .map(|of| format!("{}.{}: {} values end after {} characters", of.table, of.column, of.rows, of.longest))
            .collect();
        for (name, lines) in [
            ("Tables", &differences.tables_different),
            ("Truncated values", &truncated),
            ("Missing indexes", &differences.indexes_missing),
            ("Missing constraints", &differences.constraints_missing),
            ("Missing sequences", &differences.sequences_missing),
            ("Sequences that are behind", &differences.sequences_behind),
            ("Other differences", &differences.others),
        ] {
            list(page, name, lines.iter().cloned(), lines.len() as u64)?;
        }
    }
    let pairs = |map: &std::collections::BTreeMap<String, String>| {
        map.iter().map(|(name, value)| vec![name.clone(), value.clone()]).collect::<Vec<_>>()
    };
    let mut parameters = vec![vec!["schema".to_owned(), report.schema.clone()]];
    parameters.extend(pairs(&report.parameters));
    parameters.extend(pairs(&report.versions));
    table(page, "Parameters", &["", ""], parameters.into_iter())?;
    let skipped = report.skipped.iter().map(|skipped| format!("{}: {}", skipped.table, skipped.reason));
    list(page, "Tables without writers", skipped, report.skipped.len() as u64)?;
    list(page, "Notes", report.notes.iter().cloned(), report.notes.len() as u64)
}

fn list_findings(page: &mut String, name: &str, findings: &Findings) -> std::fmt::Result {
    list(page, name, findings.examples.iter().map(text::finding), findings.rows)
}

/// Writes a list; nothing if it is empty.
fn list(page: &mut String, name: &str, lines: impl Iterator<Item = String>, count: u64) -> std::fmt::Result {
    if count == 0 {
        return Ok(());
    }
    write!(page, "<h2>{} ({count})</h2><ul>", escaped(name))?;
    for line in lines.take(SHOWN) {
        write!(page, "<li>{}</li>", escaped(&line))?;
    }
    if count > SHOWN as u64 {
        write!(page, "<li>and {} more</li>", count - SHOWN as u64)?;
    }
    page.write_str("</ul>\n")
}

/// Writes a table; nothing if it has no rows.
fn table(page: &mut String, name: &str, heads: &[&str], rows: impl Iterator<Item = Vec<String>>) -> std::fmt::Result {
    let mut body = String::new();
    for row in rows {
        let cells: String = row.iter().map(|cell| format!("<td>{}</td>", escaped(cell))).collect();
        write!(body, "<tr>{cells}</tr>")?;
    }
    if body.is_empty() {
        return Ok(());
    }
    let heads: String = heads.iter().map(|head| format!("<th>{}</th>", escaped(head))).collect();
    let head = if heads == "<th></th><th></th>" { String::new() } else { format!("<tr>{heads}</tr>") };
    writeln!(page, "<h2>{}</h2><table>{head}{body}</table>", escaped(name))
}
