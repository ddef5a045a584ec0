//! The traffic, the lag and the gates of a cutover.

use std::fmt::Write as _;

use super::escape::{address, axis, escape, percent, piece, time};
use crate::model::{Migration, Point, Weight};
use crate::text::{duration, marks};

/// The size of a chart, and the space for its axes, in pixels.
const SIZE: [f64; 2] = [800.0, 180.0];
const LEFT: f64 = 60.0;
const BOTTOM: f64 = 24.0;
const TOP: f64 = 10.0;
/// The most points of a line.
const POINTS: usize = 400;

/// Returns the share of the target over time.
pub(super) fn traffic(migration: &Migration, seconds: f64) -> String {
    if migration.weights.is_empty() {
        return String::new();
    }
    let mut path = String::new();
    let mut rows = String::new();
    let (mut x, mut shown) = (0.0, None);
    for (index, weight) in migration.weights.iter().enumerate() {
        let (at, y) = (across(weight.at, seconds), up(f64::from(weight.live), 100.0));
        // Writing to a string cannot fail.
        let _ = match index {
            0 => write!(path, "M{at:.1} {y:.1}"),
            _ => write!(path, "H{at:.1}V{y:.1}"),
        };
        x = at;
        if shown.replace((weight.live, weight.intended)) != Some((weight.live, weight.intended)) {
            rows.push_str(&row(weight));
        }
    }
    if x < SIZE[0] {
        let _ = write!(path, "H{:.1}", across(seconds, seconds));
    }
    let labels = [0.0, 50.0, 100.0].map(|value| (value, format!("{value:.0} %")));
    format!(
        "{}<details><summary>As a table</summary>\n<table>\n<thead><tr><th scope=\"col\" class=\"num\">Time</th>\
         <th scope=\"col\" class=\"num\">Share of the target</th><th scope=\"col\" class=\"num\">Intended</th>\
         <th scope=\"col\">Phase</th></tr></thead>\n<tbody>\n{rows}</tbody></table></details>\n",
        frame("Share of the traffic that goes to the target", seconds, &labels, 100.0, &path)
    )
}

fn row(weight: &Weight) -> String {
    format!(
        "<tr><th scope=\"row\" class=\"num\">{}</th><td class=\"num\">{} %</td><td class=\"num\">{} %</td>\
         <td>{}</td></tr>\n",
        time(weight.at),
        weight.live,
        weight.intended,
        escape(&weight.phase)
    )
}

/// Returns the lag of the replication over time.
pub(super) fn lag(migration: &Migration, seconds: f64) -> String {
    let Some(most) = migration.lag.iter().map(|point| point.value).max_by(f64::total_cmp) else {
        return String::new();
    };
    let top = most.max(1.0);
    let mut path = String::new();
    for (index, point) in thinned(&migration.lag).iter().enumerate() {
        let letter = if index == 0 { 'M' } else { 'L' };
        let _ = write!(path, "{letter}{:.1} {:.1}", across(point.at, seconds), up(point.value, top));
    }
    let labels = marks(top, 3).into_iter().map(|value| (value, duration(value))).collect::<Vec<_>>();
    let last = migration.lag.last().map(|point| point.value).unwrap_or_default();
    format!(
        "<p>At most {}, {} at the end.</p>\n{}",
        time(most),
        time(last),
        frame("Lag of the replication", seconds, &labels, top, &path)
    )
}

/// Returns at most [`POINTS`] points, of each group of neighbours the highest.
fn thinned(points: &[Point]) -> Vec<Point> {
    let group = points.len().div_ceil(POINTS).max(1);
    points.chunks(group).filter_map(|group| group.iter().copied().max_by(|a, b| a.value.total_cmp(&b.value))).collect()
}

fn across(at: f64, length: f64) -> f64 {
    LEFT + (SIZE[0] - LEFT) * percent(at, length) / 100.0
}

fn up(value: f64, top: f64) -> f64 {
    SIZE[1] - BOTTOM - (SIZE[1] - BOTTOM - TOP) * percent(value, top) / 100.0
}

/// Returns a chart of one line.
fn frame(title: &str, seconds: f64, labels: &[(f64, String)], top: f64, path: &str) -> String {
    let [width, height] = SIZE;
    let mut text = format!(
        "<div class=\"scroll\" role=\"group\" aria-label=\"{title}\" tabindex=\"0\">\n\
         <svg class=\"plot\" viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{title} over time\">\n"
    );
    for (value, label) in labels {
        let y = up(*value, top);
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{width}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            LEFT - 6.0,
            y + 4.0
        );
    }
    for at in marks(seconds, 6) {
        let x = across(at, seconds);
        let anchor = if x > width - 40.0 { "end" } else { "start" };
        let _ = writeln!(
            text,
            "<path class=\"grid\" d=\"M{x:.1} {TOP}V{:.1}\"/>\
             <text x=\"{x:.1}\" y=\"{:.1}\" text-anchor=\"{anchor}\">{}</text>",
            height - BOTTOM,
            height - 6.0,
            duration(at)
        );
    }
    let _ = writeln!(text, "<path class=\"line\" d=\"{path}\"/>\n</svg>\n</div>");
    text
}

/// Returns the verdicts of the gates over time.
pub(super) fn gates(migration: &Migration, seconds: f64) -> String {
    let mut rows = String::new();
    for gate in &migration.gates {
        let (mut pieces, mut changes) = (String::new(), String::new());
        for verdict in &gate.verdicts {
            let class = match verdict.verdict.as_str() {
                "pass" => "pass",
                "fail" | "error" => "fail-span",
                _ => "idle",
            };
            pieces.push_str(&piece(class, [verdict.from, verdict.to], seconds));
            let (name, text) = (escape(&verdict.verdict), escape(&verdict.text));
            let _ = writeln!(changes, "<li>{} <strong>{name}</strong>: {text}</li>", time(verdict.from));
        }
        let last = gate.verdicts.last().map(|last| escape(&last.verdict)).unwrap_or_default();
        let _ = writeln!(
            rows,
            "<tr><th scope=\"row\"><details><summary>{}</summary>\n<ul>\n{changes}</ul></details></th>\
             <td>{last}</td><td class=\"num\">{}</td><td class=\"lane\">{pieces}</td></tr>",
            address(&gate.name),
            gate.verdicts.len().saturating_sub(1)
        );
    }
    if rows.is_empty() {
        return rows;
    }
    format!(
        "<ul class=\"legend\">\n<li><i class=\"pass\"></i> pass</li>\n\
         <li><i class=\"fail-span\"></i> fail or error</li>\n\
         <li><i class=\"idle\"></i> no data or not judged</li>\n</ul>\n\
         <div class=\"scroll\" role=\"group\" aria-labelledby=\"gates-h\" tabindex=\"0\">\n<table class=\"gantt\">\n\
         <thead><tr><th scope=\"col\">Gate</th><th scope=\"col\">Last verdict</th>\
         <th scope=\"col\" class=\"num\">Changes</th><th scope=\"col\" class=\"lane\">\
         <span class=\"hidden\">Verdicts over time</span>\
         <span class=\"axis\" aria-hidden=\"true\">{}</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n",
        axis(seconds)
    )
}
