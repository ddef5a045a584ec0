//! The course over time as a drawing: what each side acknowledged, what was refused, and the phases.

#![expect(clippy::cast_precision_loss, reason = "a drawing and a percentile are not exact")]

use std::fmt::Write;

use super::escape::escaped;
use super::model::Report;

/// The size of the drawing.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 260.0;
/// Where the axes are.
const LEFT: f64 = 50.0;
const TOP: f64 = 40.0;
const BOTTOM: f64 = 30.0;
/// The largest number of bars.
const BARS: u64 = 300;
/// Colors of the sides; refused requests are red.
const COLORS: [&str; 4] = ["#2f6fb0", "#3a9d6e", "#8a63b8", "#b58a2a"];
const REFUSED: &str = "#c8403a";

/// Returns the drawing as SVG; nothing without any request.
pub(super) fn render(report: &Report) -> String {
    let traffic = &report.traffic;
    let (Some(first), Some(last)) = (traffic.timeline.first(), traffic.timeline.last()) else { return String::new() };
    let start = report.phases.iter().map(|phase| phase.started_at).chain([first.at]).min().unwrap_or(first.at);
    let phase_ends = report.phases.iter().filter_map(|phase| phase.ended_at);
    let end = phase_ends.chain([last.at + traffic.bucket]).max().unwrap_or(last.at);
    let width = (end - start).div_ceil(BARS).max(traffic.bucket).max(1);
    let sides: Vec<&String> = traffic.by_side.keys().collect();
    // One column of a side for each bar, and the refused requests in the last one.
    let count = usize::try_from((end - start).div_ceil(width)).unwrap_or_default() + 1;
    let mut bars = vec![vec![0_u64; sides.len() + 1]; count];
    for bucket in &traffic.timeline {
        let Ok(at) = usize::try_from((bucket.at.saturating_sub(start)) / width) else { continue };
        for (column, side) in sides.iter().enumerate() {
            bars[at][column] += bucket.acknowledged.get(*side).copied().unwrap_or_default();
        }
        bars[at][sides.len()] += bucket.refused.values().sum::<u64>();
    }
    let per_second = 1e6 / width as f64;
    let most = bars.iter().map(|bar| bar.iter().sum::<u64>()).max().unwrap_or(1).max(1) as f64;
    let x = |at: u64| LEFT + (at.saturating_sub(start)) as f64 / (width * count as u64) as f64 * (WIDTH - LEFT);
    let scale = (HEIGHT - TOP - BOTTOM) / most;
    let mut svg = format!("<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"requests over time\">");
    draw_phases(report, end, &x, &mut svg);
    for (at, bar) in bars.iter().enumerate() {
        let mut base = HEIGHT - BOTTOM;
        for (column, value) in bar.iter().enumerate().filter(|(_, value)| **value > 0) {
            let height = *value as f64 * scale;
            base -= height;
            let color = if column == sides.len() { REFUSED } else { COLORS[column % COLORS.len()] };
            let left = x(start + at as u64 * width);
            let right = x(start + (at as u64 + 1) * width);
            let _ = write!(
                svg,
                "<rect x=\"{left:.1}\" y=\"{base:.1}\" width=\"{:.1}\" height=\"{height:.1}\" fill=\"{color}\"/>",
                (right - left).max(0.5)
            );
        }
    }
    let floor = HEIGHT - BOTTOM;
    let _ = write!(
        svg,
        "<path d=\"M{LEFT} {TOP}V{floor}H{WIDTH}\" fill=\"none\" stroke=\"#888\"/>\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{:.0}/s</text>\
         <text x=\"{}\" y=\"{floor}\" text-anchor=\"end\">0</text>\
         <text x=\"{LEFT}\" y=\"{}\">0 s</text><text x=\"{WIDTH}\" y=\"{}\" text-anchor=\"end\">{:.1} s</text></svg>",
        LEFT - 4.0,
        TOP + 4.0,
        most * per_second,
        LEFT - 4.0,
        HEIGHT - 12.0,
        HEIGHT - 12.0,
        (end - start) as f64 / 1e6,
    );
    svg + &legend(&sides)
}

/// Draws the phases as bands, with their names above.
fn draw_phases(report: &Report, end: u64, x: &dyn Fn(u64) -> f64, svg: &mut String) {
    for (number, phase) in report.phases.iter().enumerate() {
        let (left, right) = (x(phase.started_at), x(phase.ended_at.unwrap_or(end)));
        let fill = if number % 2 == 0 { "#f1f3f6" } else { "#e4e8ee" };
        let _ = write!(
            svg,
            "<rect x=\"{left:.1}\" y=\"{TOP}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"{fill}\"/>\
             <text x=\"{left:.1}\" y=\"{}\">{}</text>",
            (right - left).max(1.0),
            HEIGHT - TOP - BOTTOM,
            if number % 2 == 0 { TOP - 22.0 } else { TOP - 6.0 },
            escaped(&phase.name)
        );
    }
}

fn legend(sides: &[&String]) -> String {
    let mut text = String::from("<p class=\"legend\">");
    let names = sides.iter().map(|side| if side.is_empty() { "no address" } else { side.as_str() });
    let colored = names.enumerate().map(|(at, name)| (COLORS[at % COLORS.len()], format!("acknowledged by {name}")));
    for (color, name) in colored.chain([(REFUSED, "refused attempts".to_owned())]) {
        let _ = write!(text, "<span><i style=\"background:{color}\"></i>{}</span>", escaped(&name));
    }
    text + "</p>"
}
