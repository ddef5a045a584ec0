//! The resources and what they need, as a picture in layers.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::escape::{escape, time};
use crate::model::{Bar, End, Timeline};
use crate::record::Moment;
use crate::text::{duration, shortened};

/// The sizes of a box and of the gaps between boxes, in pixels.
const BOX: [f64; 2] = [210.0, 30.0];
const GAP: [f64; 2] = [60.0, 8.0];
const MARGIN: f64 = 8.0;
/// The number of characters that fit into a box.
const LONGEST: usize = 33;

/// Returns the picture of the steps that changed something, if the plan is known.
pub(super) fn picture(timeline: &Timeline) -> String {
    let changes: Vec<(usize, &Bar)> = timeline.changes().collect();
    // The last step of a resource is the one that others see.
    let by_address: BTreeMap<&str, usize> = changes.iter().map(|(index, bar)| (bar.address.as_str(), *index)).collect();
    let nodes: BTreeMap<usize, &Bar> =
        changes.into_iter().filter(|(index, bar)| by_address.get(bar.address.as_str()) == Some(index)).collect();
    let mut needs: BTreeMap<usize, Vec<(usize, Moment)>> = BTreeMap::new();
    for (index, bar) in &nodes {
        for need in &bar.needs {
            if let Some(on) = by_address.get(need.on.as_str()).filter(|on| *on != index) {
                needs.entry(*index).or_default().push((*on, need.at));
            }
        }
    }
    if needs.is_empty() {
        return String::new();
    }
    let places = places(&nodes, &needs);
    let right = places.values().map(|place| place[0]).fold(0.0, f64::max);
    let bottom = places.values().map(|place| place[1]).fold(0.0, f64::max);
    let (width, height) = (right + BOX[0] + MARGIN, bottom + BOX[1] + MARGIN);
    let path: Vec<(usize, usize)> =
        timeline.critical_path.iter().copied().zip(timeline.critical_path.iter().copied().skip(1)).collect();
    let mut text = format!(
        "<p>A resource is right of what it needs. Dashed: only its id. Bold: the critical path. The chart above names \
         the same needs below each resource.</p>\n\
         <div class=\"scroll\" role=\"group\" aria-labelledby=\"graph-h\" tabindex=\"0\">\n\
         <svg class=\"graph\" width=\"{width:.0}\" height=\"{height:.0}\" viewBox=\"0 0 {width:.0} {height:.0}\" \
         role=\"img\" aria-label=\"Graph of {} resources\">\n",
        nodes.len()
    );
    // Writing to a string cannot fail. Bold lines come last, so that others do not cover them.
    for critical in [false, true] {
        for (to, from, at) in needs.iter().flat_map(|(to, all)| all.iter().map(move |(from, at)| (to, from, at))) {
            if path.contains(&(*from, *to)) != critical {
                continue;
            }
            let ([x, y], [u, v]) = (places[from], places[to]);
            let (x, y, v) = (x + BOX[0], y + BOX[1] / 2.0, v + BOX[1] / 2.0);
            let bend = f64::midpoint(x, u);
            let class = match (critical, at) {
                (true, _) => "edge critical",
                (false, Moment::Created) => "edge id",
                (false, Moment::Ready) => "edge",
            };
            let _ = writeln!(
                text,
                "<path class=\"{class}\" d=\"M{x:.0} {y:.0}C{bend:.0} {y:.0} {bend:.0} {v:.0} {u:.0} {v:.0}\"/>"
            );
        }
    }
    for index in nodes.keys() {
        draw(&mut text, timeline, *index, places[index]);
    }
    text.push_str("</svg>\n</div>\n");
    text
}

fn draw(text: &mut String, timeline: &Timeline, index: usize, [x, y]: [f64; 2]) {
    let bar = &timeline.steps[index];
    let class = match (bar.end, timeline.is_critical(index)) {
        (End::Failed, _) => "node failed",
        (End::Blocked, _) => "node blocked",
        (_, true) => "node critical",
        _ => "node",
    };
    let took = if bar.end == End::Blocked { bar.end.as_str().to_owned() } else { duration(bar.seconds()) };
    let _ = writeln!(
        text,
        "<g class=\"{class}\"><title>{}: {}, {}</title>\
         <rect x=\"{x:.0}\" y=\"{y:.0}\" width=\"{}\" height=\"{}\" rx=\"4\"/>\
         <text x=\"{:.0}\" y=\"{:.0}\">{}</text><text class=\"small\" x=\"{:.0}\" y=\"{:.0}\">{} {took}</text></g>",
        escape(&bar.address),
        timeline.state_of(bar),
        time(bar.seconds()),
        BOX[0],
        BOX[1],
        x + 6.0,
        y + 13.0,
        escape(&shortened(&bar.address, LONGEST)),
        x + 6.0,
        y + 25.0,
        escape(&bar.action),
    );
}

/// Returns the upper left corner of each box: the layer is the longest way from a resource without needs, and inside a
/// layer, resources are near to what they need.
fn places(nodes: &BTreeMap<usize, &Bar>, needs: &BTreeMap<usize, Vec<(usize, Moment)>>) -> BTreeMap<usize, [f64; 2]> {
    let mut layer: BTreeMap<usize, usize> = nodes.keys().map(|index| (*index, 0)).collect();
    // Each pass settles one layer more. Needs have no cycle, and a plan that has one ends here, too.
    for _ in 0..nodes.len() {
        let mut moved = false;
        for (index, all) in needs {
            let least = all.iter().filter_map(|(on, _)| layer.get(on)).max().map_or(0, |deepest| deepest + 1);
            if layer[index] < least && least < nodes.len() {
                layer.insert(*index, least);
                moved = true;
            }
        }
        if !moved {
            break;
        }
    }
    let mut layers: BTreeMap<usize, Vec<usize>> = BTreeMap::new();
    for (index, layer) in layer {
        layers.entry(layer).or_default().push(index);
    }
    let mut places: BTreeMap<usize, [f64; 2]> = BTreeMap::new();
    let mut x = MARGIN;
    for members in layers.values() {
        let mut sorted: Vec<(f64, &str, usize)> = members
            .iter()
            .map(|index| {
                let on = needs.get(index).into_iter().flatten().filter_map(|(on, _)| places.get(on));
                let heights: Vec<f64> = on.map(|place| place[1]).collect();
                (mean(&heights), nodes[index].address.as_str(), *index)
            })
            .collect();
        sorted.sort_by(|one, other| one.0.total_cmp(&other.0).then_with(|| one.1.cmp(other.1)));
        let mut y = MARGIN;
        for (_, _, index) in sorted {
            places.insert(index, [x, y]);
            y += BOX[1] + GAP[1];
        }
        x += BOX[0] + GAP[0];
    }
    places
}

#[expect(clippy::cast_precision_loss, reason = "a graph has far fewer than 2^52 edges")]
fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}
