//! Mermaid output, which code hosts render inside Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{CRITICAL, Picture, colour, label};
use crate::graph::Moment;
use infra_base::address::Address;

/// Returns the picture as a Mermaid flow chart.
pub fn mermaid(picture: &Picture) -> String {
    let mut text = String::from("flowchart LR\n");
    // Addresses contain characters that Mermaid does not allow in names.
    let name: BTreeMap<&Address, String> =
        picture.nodes.iter().enumerate().map(|(at, node)| (&node.address, format!("n{at}"))).collect();
    for (environment, nodes) in picture.by_environment() {
        let _ = writeln!(text, "  subgraph {environment}");
        for node in nodes {
            let _ = writeln!(text, "    {}[\"{}<br/>{}\"]", name[&node.address], label(node), node.kind);
        }
        text.push_str("  end\n");
    }
    for edge in &picture.edges {
        let arrow = match (edge.critical, edge.at) {
            (true, _) => "==>",
            (false, Moment::Created) => "-.->",
            (false, Moment::Ready) => "-->",
        };
        let _ = writeln!(text, "  {} {arrow} {}", name[&edge.from], name[&edge.to]);
    }
    for node in &picture.nodes {
        let border = if node.critical { format!(",stroke:{CRITICAL},stroke-width:3px") } else { String::new() };
        if node.critical || node.action.is_some() {
            let _ = writeln!(text, "  style {} fill:{}{border}", name[&node.address], colour(node));
        }
    }
    text
}
