//! Graphviz output.

use std::fmt::Write as _;

use super::{CRITICAL, Picture, colour, label};
use crate::graph::Moment;

/// Returns the picture in the DOT language of Graphviz.
pub fn dot(picture: &Picture) -> String {
    let mut text = String::from(
        "digraph stack {\n  rankdir = LR;\n  \
         node [shape = box, style = filled, fontname = \"sans-serif\", fontsize = 10];\n",
    );
    // Writing to a string cannot fail.
    for (environment, nodes) in picture.by_environment() {
        let _ = writeln!(text, "  subgraph \"cluster_{environment}\" {{\n    label = \"{environment}\";");
        for node in nodes {
            let border = if node.critical { format!(", color = \"{CRITICAL}\", penwidth = 2") } else { String::new() };
            let name = node.address.as_str();
            let _ = writeln!(
                text,
                "    {name:?} [label = \"{}\\n{}\", fillcolor = \"{}\"{border}];",
                label(node),
                node.kind,
                colour(node)
            );
        }
        text.push_str("  }\n");
    }
    for edge in &picture.edges {
        let style = if edge.at == Moment::Created { "dashed" } else { "solid" };
        let colour = if edge.critical { format!(", color = \"{CRITICAL}\", penwidth = 2") } else { String::new() };
        let _ = writeln!(text, "  {:?} -> {:?} [style = {style}{colour}];", edge.from.as_str(), edge.to.as_str());
    }
    text.push_str("}\n");
    text
}
