//! The layout of the nodes: in layers, each to the right of its dependencies, ordered so that few lines cross (the
//! barycentre method of Sugiyama, Tagawa and Toda, "Methods for Visual Understanding of Hierarchical System
//! Structures", 1981).

use std::collections::BTreeMap;

use petgraph::algo::toposort;
use petgraph::graph::{DiGraph, NodeIndex};

use super::Picture;
use infra_base::address::Address;

/// How often the layers are sorted by their neighbours.
const SWEEPS: usize = 8;

/// Returns the indices of the nodes, layer by layer, each layer from top to bottom.
pub(super) fn layers(picture: &Picture) -> Vec<Vec<usize>> {
    let index: BTreeMap<&Address, usize> =
        picture.nodes.iter().enumerate().map(|(at, node)| (&node.address, at)).collect();
    let count = picture.nodes.len();
    let (mut before, mut after) = (vec![Vec::new(); count], vec![Vec::new(); count]);
    for edge in &picture.edges {
        let (from, to) = (index[&edge.from], index[&edge.to]);
        before[to].push(from);
        after[from].push(to);
    }
    let depth = depths(&before);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); depth.iter().max().map_or(0, |deepest| deepest + 1)];
    for (node, depth) in depth.iter().enumerate() {
        layers[*depth].push(node);
    }
    let mut place = vec![0.0; count];
    let settle = |layer: &[usize], place: &mut Vec<f64>| {
        for (at, node) in layer.iter().enumerate() {
            // Layers of different lengths are centred on each other.
            place[*node] = precise(at) - precise(layer.len()) / 2.0;
        }
    };
    for layer in &layers {
        settle(layer, &mut place);
    }
    for sweep in 0..SWEEPS {
        let forth = sweep % 2 == 0;
        let neighbours = if forth { &before } else { &after };
        let order: Vec<usize> = if forth { (0..layers.len()).collect() } else { (0..layers.len()).rev().collect() };
        for at in order {
            let wish = |node: &usize| {
                let of = &neighbours[*node];
                if of.is_empty() {
                    place[*node]
                } else {
                    of.iter().map(|other| place[*other]).sum::<f64>() / precise(of.len())
                }
            };
            let mut wishes: Vec<(f64, usize)> = layers[at].iter().map(|node| (wish(node), *node)).collect();
            wishes.sort_by(|one, other| one.0.total_cmp(&other.0).then(one.1.cmp(&other.1)));
            layers[at] = wishes.into_iter().map(|(_, node)| node).collect();
            settle(&layers[at], &mut place);
        }
    }
    layers
}

/// Returns the length of the longest chain before each node.
fn depths(before: &[Vec<usize>]) -> Vec<usize> {
    let mut graph = DiGraph::<(), ()>::new();
    for _ in before {
        graph.add_node(());
    }
    graph.extend_with_edges(
        before
            .iter()
            .enumerate()
            .flat_map(|(to, of)| of.iter().map(move |from| (NodeIndex::new(*from), NodeIndex::new(to)))),
    );
    let mut depth = vec![0; before.len()];
    // A plan has no cycle.
    for node in toposort(&graph, None).unwrap_or_default() {
        depth[node.index()] = before[node.index()].iter().map(|from| depth[*from] + 1).max().unwrap_or(0);
    }
    depth
}

/// Converts a count to a coordinate.
#[expect(clippy::cast_precision_loss, reason = "a graph has far fewer nodes than a float has digits")]
pub(super) fn precise(count: usize) -> f64 {
    count as f64
}
