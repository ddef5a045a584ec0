//! The steps of a run on a time axis, as a table.

use std::fmt::Write as _;

use super::escape::{address, axis, escape, percent, piece, time};
use crate::model::{Bar, End, Timeline};

/// The meaning of the pieces of a lane.
const LEGEND: &str = "<ul class=\"legend\">\n\
    <li><i class=\"idle\"></i> could have begun</li>\n\
    <li><i class=\"work\"></i> until AWS accepted it</li>\n\
    <li><i class=\"wait\"></i> until it was ready</li>\n\
    <li><i class=\"retry\"></i> repeated call</li>\n\
    <li><i class=\"fail\"></i> failed</li>\n\
    <li><span class=\"crit\">◆</span> critical path</li>\n</ul>\n";

/// Returns the Gantt chart.
pub(super) fn table(timeline: &Timeline) -> String {
    let rows: String = timeline.changes().map(|(index, bar)| row(timeline, index, bar)).collect();
    let unchanged: Vec<&str> =
        timeline.steps.iter().filter(|bar| bar.end == End::Unchanged).map(|bar| bar.address.as_str()).collect();
    let rest = match unchanged.as_slice() {
        [] => String::new(),
        all => {
            let items: String = all.iter().map(|one| format!("<li>{}</li>\n", address(one))).collect();
            let were = if all.len() == 1 { "resource was" } else { "resources were" };
            let count = all.len();
            format!("<details><summary>{count} {were} as configured</summary>\n<ul>\n{items}</ul></details>\n")
        }
    };
    if rows.is_empty() {
        return rest;
    }
    format!(
        "{LEGEND}<div class=\"scroll\" role=\"group\" aria-labelledby=\"chart-h\" tabindex=\"0\">\n\
         <table class=\"gantt\">\n<caption>Steps in the order in which they began</caption>\n\
         <thead><tr><th scope=\"col\">Resource</th><th scope=\"col\" class=\"wide\">Action</th>\
         <th scope=\"col\" class=\"wide num\">Begin</th><th scope=\"col\" class=\"num\">Duration</th>\
         <th scope=\"col\" class=\"lane\"><span class=\"hidden\">Time</span>\
         <span class=\"axis\" aria-hidden=\"true\">{}</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n{rest}",
        axis(timeline.seconds)
    )
}

fn row(timeline: &Timeline, index: usize, bar: &Bar) -> String {
    let critical = timeline.is_critical(index);
    let class = match (bar.end, critical) {
        (End::Failed, _) => " class=\"failed\"",
        (_, true) => " class=\"critical\"",
        _ => "",
    };
    let mark = match critical {
        true => "<span class=\"crit\" aria-hidden=\"true\">◆</span> <span class=\"hidden\">critical: </span>",
        false => "",
    };
    let action = match bar.end {
        End::Done | End::Unchanged => escape(&bar.action),
        _ => format!("{} <strong>{}</strong>", escape(&bar.action), timeline.state_of(bar)),
    };
    format!(
        "<tr id=\"s{index}\"{class}><th scope=\"row\">{}</th><td class=\"wide\">{action}</td>\
         <td class=\"wide num\">{}</td><td class=\"num\">{}</td><td class=\"lane\">{}</td></tr>\n",
        name(bar, mark),
        time(bar.start),
        if bar.end == End::Blocked { "–".to_owned() } else { time(bar.seconds()) },
        lane(bar, timeline.seconds),
    )
}

/// Returns the address after a mark, with what can be unfolded below it.
fn name(bar: &Bar, mark: &str) -> String {
    let details = details(bar);
    match details.is_empty() {
        true => format!("{mark}{}", address(&bar.address)),
        false => format!("<details><summary>{mark}{}</summary>\n<ul>\n{details}</ul></details>", address(&bar.address)),
    }
}

fn details(bar: &Bar) -> String {
    let mut items = String::new();
    // Writing to a string cannot fail.
    if !bar.kind.is_empty() {
        let _ = writeln!(items, "<li>{}</li>", escape(&bar.kind));
    }
    if let Some(created) = bar.created {
        let _ = writeln!(items, "<li>accepted after {}</li>", time(created - bar.start));
    }
    for wait in &bar.waits {
        let took = time(wait.to - wait.from);
        let _ = writeln!(items, "<li>waited {took} for {} ({})</li>", escape(&wait.what), escape(&wait.status));
    }
    for retry in &bar.retries {
        let (call, code) = (escape(&retry.call), escape(&retry.code));
        let _ = writeln!(items, "<li>repeated {call} at {} because of {code}</li>", time(retry.at));
    }
    if bar.start - bar.possible >= 1.0 {
        let _ = writeln!(items, "<li>could have begun {} earlier</li>", time(bar.start - bar.possible));
    }
    if !bar.needs.is_empty() {
        let needs: Vec<String> =
            bar.needs.iter().map(|need| format!("{} ({})", address(&need.on), need.at.as_str())).collect();
        let _ = writeln!(items, "<li>needs {}</li>", needs.join(", "));
    }
    items
}

fn lane(bar: &Bar, length: f64) -> String {
    let mut pieces = String::new();
    if bar.end == End::Blocked {
        return pieces;
    }
    if bar.start - bar.possible > 0.0 {
        pieces.push_str(&piece("idle", [bar.possible, bar.start], length));
    }
    let accepted = bar.created.unwrap_or(bar.finish).clamp(bar.start, bar.finish);
    if accepted < bar.finish {
        pieces.push_str(&piece("wait", [accepted, bar.finish], length));
    }
    pieces.push_str(&piece("work", [bar.start, accepted], length));
    for retry in &bar.retries {
        let _ = write!(pieces, "<i class=\"retry\" style=\"left:{:.2}%\"></i>", percent(retry.at, length));
    }
    if bar.end == End::Failed {
        let _ = write!(pieces, "<i class=\"fail\" style=\"left:{:.2}%\"></i>", percent(bar.finish, length));
    }
    pieces
}

/// Returns the parts of the run.
pub(super) fn phases(timeline: &Timeline) -> String {
    let row = |phase: &crate::model::Phase| {
        let to = phase.to.unwrap_or(timeline.seconds);
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td>\
             <td class=\"lane\">{}</td></tr>\n",
            address(&phase.name),
            time(phase.from),
            time(to - phase.from),
            piece("work", [phase.from, to], timeline.seconds)
        )
    };
    let rows: String = timeline.phases.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"scroll\" role=\"group\" aria-labelledby=\"phases-h\" tabindex=\"0\">\n<table class=\"gantt\">\n\
         <thead><tr><th scope=\"col\">Phase</th><th scope=\"col\" class=\"num\">Begin</th>\
         <th scope=\"col\" class=\"num\">Duration</th><th scope=\"col\" class=\"lane\">\
         <span class=\"hidden\">Time</span><span class=\"axis\" aria-hidden=\"true\">{}</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n",
        axis(timeline.seconds)
    )
}
