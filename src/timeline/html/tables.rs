//! Tables: errors, estimates, calls, notices.

use super::escape::{address, escape, percent, time};
use crate::model::{Bar, End, Failure, Timeline};

/// How many estimates that were wrong are shown.
const WORST: usize = 20;
/// How many operations of a service are named.
const OPERATIONS: usize = 4;

/// Returns what failed.
pub(super) fn errors(timeline: &Timeline) -> String {
    let mut items: String = timeline.errors.iter().map(failure).collect();
    if let Some(error) = &timeline.run.error {
        items.push_str(&format!("<li>The run ended with: {}</li>\n", escape(error)));
    }
    if items.is_empty() { items } else { format!("<ul class=\"bad\">\n{items}</ul>\n") }
}

/// Returns the notices.
pub(super) fn notices(timeline: &Timeline) -> String {
    let items: String = timeline.notices.iter().map(failure).collect();
    if items.is_empty() { items } else { format!("<ul>\n{items}</ul>\n") }
}

fn failure(one: &Failure) -> String {
    let name = one.address.as_ref().map(|text| address(text));
    let place = match (name, one.step) {
        (Some(name), Some(step)) => format!("<a href=\"#s{step}\">{name}</a>: "),
        (Some(name), None) => format!("{name}: "),
        (None, _) => String::new(),
    };
    format!("<li>{} {place}{}</li>\n", time(one.at), escape(&one.text))
}

/// Returns the steps whose estimate was farthest from the actual duration.
#[expect(clippy::cast_precision_loss, reason = "durations are far below 2^52 seconds")]
pub(super) fn estimates(timeline: &Timeline) -> String {
    let difference = |bar: &Bar| Some(bar.seconds() - bar.expected? as f64);
    let done = timeline.changes().filter(|(_, bar)| bar.end == End::Done);
    let mut all: Vec<(usize, &Bar, f64)> =
        done.filter_map(|(index, bar)| Some((index, bar, difference(bar)?))).filter(|one| one.2.abs() >= 1.0).collect();
    all.sort_by(|one, other| other.2.abs().total_cmp(&one.2.abs()));
    let longest = all.iter().take(WORST).map(|(_, bar, _)| bar.seconds().max(bar.expected.unwrap_or(0) as f64));
    let longest = longest.fold(1.0, f64::max);
    let row = |(index, bar, difference): &(usize, &Bar, f64)| {
        let expected = bar.expected.unwrap_or(0) as f64;
        let sign = if *difference < 0.0 { "−" } else { "+" };
        format!(
            "<tr><th scope=\"row\"><a href=\"#s{index}\">{}</a></th><td class=\"num\">{}</td><td class=\"num\">{}</td>\
             <td class=\"num\">{sign}{}</td><td class=\"lane two\"><i class=\"idle\" style=\"width:{:.2}%\"></i>\
             <i class=\"work\" style=\"width:{:.2}%\"></i></td></tr>\n",
            address(&bar.address),
            time(expected),
            time(bar.seconds()),
            time(difference.abs()),
            percent(expected, longest),
            percent(bar.seconds(), longest),
        )
    };
    let rows: String = all.iter().take(WORST).map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    let more = all.len().saturating_sub(WORST);
    let more = if more > 0 { format!("; {more} more differ by at least a second") } else { String::new() };
    format!(
        "<div class=\"scroll\" role=\"group\" aria-labelledby=\"estimates-h\" tabindex=\"0\">\n\
         <table class=\"gantt\">\n<caption>Steps that differ most{more}</caption>\n\
         <thead><tr><th scope=\"col\">Resource</th><th scope=\"col\" class=\"num\">Expected</th>\
         <th scope=\"col\" class=\"num\">Actual</th><th scope=\"col\" class=\"num\">Difference</th>\
         <th scope=\"col\" class=\"lane\"><span class=\"hidden\">Both as bars</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}

/// Returns the calls of each service.
#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52 calls")]
pub(super) fn calls(timeline: &Timeline) -> String {
    let most = timeline.calls.iter().map(|of| of.calls).max().unwrap_or(0);
    let row = |of: &crate::model::CallsOfService| {
        let operations = of.operations.iter().take(OPERATIONS);
        let operations: Vec<String> = operations.map(|(name, count)| format!("{} {count}", escape(name))).collect();
        let rest = of.operations.len().saturating_sub(OPERATIONS);
        let rest = if rest > 0 { format!(", {rest} others") } else { String::new() };
        format!(
            "<tr><th scope=\"row\">{}</th><td class=\"num\">{}</td><td class=\"num\">{}</td>\
             <td class=\"num\">{}&nbsp;ms</td><td class=\"num\">{}&nbsp;ms</td>\
             <td class=\"lane short\"><i class=\"work\" style=\"left:0;width:{:.2}%\"></i></td>\
             <td class=\"wide\">{}{rest}</td></tr>\n",
            escape(&of.service),
            of.calls,
            of.with_code,
            of.millis / of.calls.max(1),
            of.slowest_millis,
            percent(of.calls as f64, most as f64),
            operations.join(", "),
        )
    };
    let rows: String = timeline.calls.iter().map(row).collect();
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<div class=\"scroll\" role=\"group\" aria-labelledby=\"calls-h\" tabindex=\"0\">\n\
         <table class=\"gantt calls\">\n\
         <caption>An error code can be expected: what does not exist yet is not found</caption>\n\
         <thead><tr><th scope=\"col\">Service</th><th scope=\"col\" class=\"num\">Calls</th>\
         <th scope=\"col\" class=\"num\">With an error code</th><th scope=\"col\" class=\"num\">Mean</th>\
         <th scope=\"col\" class=\"num\">Slowest</th>\
         <th scope=\"col\" class=\"lane short\"><span class=\"hidden\">Calls as a bar</span></th>\
         <th scope=\"col\" class=\"wide\">Most frequent</th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n"
    )
}
