//! Circles: what waits for each other, so that none of it can begin.

use std::collections::{BTreeMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::input::Need;
use crate::address::Address;

/// Who waits for whom.
pub struct Waits<'a> {
    graph: DiGraph<&'a Address, ()>,
}

impl<'a> Waits<'a> {
    /// Takes what each one needs; needs that are not among them are ignored.
    pub fn new(all: impl IntoIterator<Item = (&'a Address, &'a [Need])>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        let mut graph = DiGraph::new();
        let index: BTreeMap<&Address, NodeIndex> = all.iter().map(|(address, _)| (*address, graph.add_node(*address))).collect();
        for (address, needs) in &all {
            for on in needs.iter().filter_map(|need| index.get(&need.on)) {
                graph.add_edge(index[address], *on, ());
            }
        }
        Self { graph }
    }

    /// Returns the groups in which everyone waits for everyone, by one way or another. Linear (Tarjan's algorithm).
    pub fn knots(&self) -> Vec<Vec<&'a Address>> {
        self.tied().into_iter().map(|knot| knot.into_iter().map(|node| self.graph[node]).collect()).collect()
    }

    /// Returns one circle, link by link, with its first at its end again.
    pub fn circle(&self) -> Option<Vec<Address>> {
        let knot: Vec<NodeIndex> = self.tied().into_iter().next()?;
        let inside: HashSet<NodeIndex> = knot.iter().copied().collect();
        // Walk inside the knot until one comes again: that part of the walk is a circle.
        let mut walk = vec![knot[0]];
        loop {
            let here = walk[walk.len() - 1];
            let next = self.graph.neighbors(here).find(|neighbor| inside.contains(neighbor))?;
            if let Some(start) = walk.iter().position(|seen| *seen == next) {
                let links = walk[start..].iter().chain([&next]);
                return Some(links.map(|node| self.graph[*node].clone()).collect());
            }
            walk.push(next);
        }
    }

    fn tied(&self) -> Vec<Vec<NodeIndex>> {
        let waits_for_itself = |knot: &[NodeIndex]| self.graph.contains_edge(knot[0], knot[0]);
        tarjan_scc(&self.graph).into_iter().filter(|knot| knot.len() > 1 || waits_for_itself(knot)).collect()
    }
}
