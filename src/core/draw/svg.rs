//! SVG output, without external programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::layers::{layers, precise};
use super::{CRITICAL, Node, Picture, colour};
use crate::graph::Moment;
use infra_base::address::Address;

/// The sizes of a box and of the gaps between boxes, in pixels.
const BOX: (f64, f64) = (250.0, 34.0);
const GAP: (f64, f64) = (90.0, 12.0);
const MARGIN: f64 = 24.0;
/// Space for the legend.
const HEAD: f64 = 40.0;
/// The number of characters that fit into a box.
const LONGEST: usize = 40;

/// Returns the picture as an SVG document.
pub fn svg(picture: &Picture) -> String {
    let layers = layers(picture);
    let tallest = layers.iter().map(Vec::len).max().unwrap_or(0);
    let height = HEAD + 2.0 * MARGIN + precise(tallest) * (BOX.1 + GAP.1);
    let width = 2.0 * MARGIN + precise(layers.len()) * (BOX.0 + GAP.0) - GAP.0;
    let mut corner: BTreeMap<&Address, (f64, f64)> = BTreeMap::new();
    for (column, layer) in layers.iter().enumerate() {
        let top = HEAD + MARGIN + (precise(tallest) - precise(layer.len())) * (BOX.1 + GAP.1) / 2.0;
        for (row, node) in layer.iter().enumerate() {
            let at = (MARGIN + precise(column) * (BOX.0 + GAP.0), top + precise(row) * (BOX.1 + GAP.1));
            corner.insert(&picture.nodes[*node].address, at);
        }
    }
    // Writing to a string cannot fail.
    let mut text = String::new();
    let _ = writeln!(
        text,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}\" height=\"{height:.0}\" \
         viewBox=\"0 0 {width:.0} {height:.0}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>"
    );
    let _ = writeln!(
        text,
        "<text x=\"{MARGIN}\" y=\"24\" font-size=\"13\">\
         {} resources; the critical path (red) takes {} s; dashed: waits only for the id</text>",
        picture.nodes.len(),
        picture.expected_seconds
    );
    // Red lines come last, so that other lines do not cover them.
    for critical in [false, true] {
        for edge in picture.edges.iter().filter(|edge| edge.critical == critical) {
            let (from, to) = (corner[&edge.from], corner[&edge.to]);
            let (x, y, u, v) = (from.0 + BOX.0, from.1 + BOX.1 / 2.0, to.0, to.1 + BOX.1 / 2.0);
            let bend = f64::midpoint(x, u);
            let (stroke, line) = if critical { (CRITICAL, 2.5) } else { ("#9aa5b1", 1.0) };
            let dashes = if edge.at == Moment::Created { " stroke-dasharray=\"4 3\"" } else { "" };
            let _ = writeln!(
                text,
                "<path d=\"M{x:.1} {y:.1} C{bend:.1} {y:.1} {bend:.1} {v:.1} {u:.1} {v:.1}\" \
                 fill=\"none\" stroke=\"{stroke}\" stroke-width=\"{line}\"{dashes}/>"
            );
        }
    }
    for node in &picture.nodes {
        draw_box(&mut text, node, corner[&node.address]);
    }
    text.push_str("</svg>\n");
    text
}

fn draw_box(text: &mut String, node: &Node, (x, y): (f64, f64)) {
    let (stroke, line) = if node.critical { (CRITICAL, 2.0) } else { ("#52606d", 0.8) };
    let doing = node.action.filter(|action| *action != "none").map(|action| format!(", {action}")).unwrap_or_default();
    let title = format!("{} ({}, {}{doing}, about {} s)", node.address, node.kind, node.region, node.seconds);
    let _ = writeln!(
        text,
        "<g><title>{}</title>\
         <rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{}\" height=\"{}\" rx=\"4\" fill=\"{}\" \
         stroke=\"{stroke}\" stroke-width=\"{line}\"/>\
         <text x=\"{:.1}\" y=\"{:.1}\">{}</text>\
         <text x=\"{:.1}\" y=\"{:.1}\" fill=\"#7b8794\" font-size=\"9\">{}{doing}</text></g>",
        escaped(&title),
        BOX.0,
        BOX.1,
        colour(node),
        x + 6.0,
        y + 14.0,
        escaped(&shortened(node.address.as_str())),
        x + 6.0,
        y + 27.0,
        escaped(&node.kind),
    );
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= LONGEST {
        text.to_owned()
    } else {
        text.chars().take(LONGEST - 1).chain(['…']).collect()
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
