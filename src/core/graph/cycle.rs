//! Dependency cycles.

use std::collections::{BTreeMap, HashSet};

use petgraph::algo::tarjan_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::input::Need;
use infra_base::address::Address;

/// A graph of dependencies between addresses.
pub struct DependencyGraph<'a> {
    graph: DiGraph<&'a Address, ()>,
}

impl<'a> DependencyGraph<'a> {
    /// Creates the graph from the dependencies of each address. Ignores dependencies on other addresses.
    pub fn new(all: impl IntoIterator<Item = (&'a Address, &'a [Need])>) -> Self {
        let all: Vec<_> = all.into_iter().collect();
        let mut graph = DiGraph::new();
        let index: BTreeMap<&Address, NodeIndex> =
            all.iter().map(|(address, _)| (*address, graph.add_node(*address))).collect();
        for (address, needs) in &all {
            for on in needs.iter().filter_map(|need| index.get(&need.on)) {
                graph.add_edge(index[address], *on, ());
            }
        }
        Self { graph }
    }

    /// Returns the strongly connected components with a cycle. Linear (Tarjan's algorithm).
    pub fn strongly_connected(&self) -> Vec<Vec<&'a Address>> {
        self.components()
            .into_iter()
            .map(|component| component.into_iter().map(|node| self.graph[node]).collect())
            .collect()
    }

    /// Returns a cycle, link by link, with its first address again at the end.
    pub fn find_cycle(&self) -> Option<Vec<Address>> {
        let component: Vec<NodeIndex> = self.components().into_iter().next()?;
        let inside: HashSet<NodeIndex> = component.iter().copied().collect();
        // Walk inside the component until a node repeats. That part of the walk is a cycle.
        let mut walk = vec![component[0]];
        loop {
            let here = walk[walk.len() - 1];
            let next = self.graph.neighbors(here).find(|neighbor| inside.contains(neighbor))?;
            if let Some(start) = walk.iter().position(|visited| *visited == next) {
                let links = walk[start..].iter().chain([&next]);
                return Some(links.map(|node| self.graph[*node].clone()).collect());
            }
            walk.push(next);
        }
    }

    fn components(&self) -> Vec<Vec<NodeIndex>> {
        let depends_on_itself = |component: &[NodeIndex]| self.graph.contains_edge(component[0], component[0]);
        tarjan_scc(&self.graph)
            .into_iter()
            .filter(|component| component.len() > 1 || depends_on_itself(component))
            .collect()
    }
}
