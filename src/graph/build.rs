//! Building a graph, and what can be wrong with one.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::circle::Waits;
use super::input::{Need, needs_of};
use super::paths::{Timing, order};
use crate::address::{Address, Region};
use crate::resource::{About, Handle, Resource};

/// One desired resource.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its stable name.
    pub address: Address,
    /// Its kind's name, for example `ec2.vpc`.
    pub kind: &'static str,
    /// The region it lives in.
    pub region: Region,
    /// Its inputs; references are still references.
    pub spec: Value,
    /// What it needs, read out of `spec`.
    pub needs: Vec<Need>,
    /// Tags it carries besides those that mark it as ours.
    pub tags: BTreeMap<String, String>,
}

/// Why a graph is not a graph of resources.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two resources with one address.
    #[error("two resources have the address {0}")]
    Duplicate(Address),
    /// A reference to something that is not there.
    #[error("{from} refers to {to}, which is not part of this stack")]
    Dangling {
        /// The resource that refers.
        from: Address,
        /// What it refers to.
        to: Address,
    },
    /// Resources that wait for each other.
    #[error("these resources need each other in a circle: {}", .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> "))]
    Cycle(Vec<Address>),
}

/// All desired resources and the order between them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<Address, Node>,
    duplicate: Option<Address>,
}

impl Graph {
    /// Adds a resource and returns a handle through which others refer to its outputs.
    pub fn add<R: Resource>(&mut self, address: Address, region: &Region, tags: &BTreeMap<String, String>, spec: &R) -> Handle<R> {
        // A specification is data made of strings, numbers, lists and maps with text keys: it always has a JSON form.
        let spec = serde_json::to_value(spec).unwrap_or(Value::Null);
        let needs = needs(&spec, &R::ABOUT);
        let node = Node { address: address.clone(), kind: R::KIND, region: region.clone(), spec, needs, tags: tags.clone() };
        self.insert(node);
        Handle::new(address)
    }

    pub(super) fn insert(&mut self, node: Node) {
        let address = node.address.clone();
        if self.nodes.insert(address.clone(), node).is_some() {
            self.duplicate.get_or_insert(address);
        }
    }

    pub(super) fn alter(&mut self, address: &Address, change: impl FnOnce(&mut Node)) {
        if let Some(node) = self.nodes.get_mut(address) {
            change(node);
        }
    }

    /// Checks the graph as a whole.
    ///
    /// # Errors
    /// A duplicate address, a reference to nothing, or a cycle, which is named link by link.
    pub fn finish(self) -> Result<Self, GraphError> {
        if let Some(address) = self.duplicate {
            return Err(GraphError::Duplicate(address));
        }
        for node in self.nodes.values() {
            if let Some(need) = node.needs.iter().find(|need| !self.nodes.contains_key(&need.on)) {
                return Err(GraphError::Dangling { from: node.address.clone(), to: need.on.clone() });
            }
        }
        match Waits::new(self.nodes.iter().map(|(address, node)| (address, node.needs.as_slice()))).circle() {
            Some(cycle) => Err(GraphError::Cycle(cycle)),
            None => Ok(self),
        }
    }

    /// Returns the resources by address.
    pub fn nodes(&self) -> &BTreeMap<Address, Node> {
        &self.nodes
    }

    /// Returns one resource.
    pub fn get(&self, address: &Address) -> Option<&Node> {
        self.nodes.get(address)
    }

    /// Returns the resources, each after all that it needs. The order is always the same.
    pub fn in_order(&self) -> Vec<&Node> {
        let waits = self.nodes.iter().map(|(address, node)| (address, (Timing::default(), node.needs.as_slice()))).collect();
        order(&waits).into_iter().filter_map(|address| self.nodes.get(address)).collect()
    }

    /// Returns the environments that occur, in alphabetical order.
    pub fn environments(&self) -> Vec<String> {
        let mut names: Vec<String> = self.nodes.keys().map(|address| address.environment().to_owned()).collect();
        names.dedup();
        names
    }
}

/// Returns every resource that a specification refers to, and marks what it only waits for or mentions.
pub(super) fn needs(spec: &Value, about: &About) -> Vec<Need> {
    let holds = |field: &str| !about.mentions.contains(&field) && !about.waits_for.contains(&field);
    let held = spec.as_object().into_iter().flatten().filter(|(field, _)| holds(field)).flat_map(|(_, value)| needs_of(value));
    let held: BTreeSet<Address> = held.map(|need| need.on).collect();
    needs_of(spec).into_iter().map(|need| Need { loose: spec.is_object() && !held.contains(&need.on), ..need }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(address: &str, needs: &[&str]) -> (Address, Node) {
        let spec: Vec<Value> = needs.iter().map(|on| json!({ "$output": { "of": on, "name": "id", "at": "created" } })).collect();
        let spec = Value::Array(spec);
        let address = Address::new(address);
        let needs = needs_of(&spec);
        (address.clone(), Node { address, kind: "test", region: "us-east-1".into(), spec, needs, tags: BTreeMap::new() })
    }

    fn graph(nodes: &[(&str, &[&str])]) -> Graph {
        Graph { nodes: nodes.iter().map(|(address, needs)| node(address, needs)).collect(), duplicate: None }
    }

    #[test]
    fn a_cycle_is_printed_link_by_link() {
        let error = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["a"])]).finish().unwrap_err();
        let GraphError::Cycle(cycle) = &error else { panic!("expected a cycle, got {error}") };
        assert_eq!(cycle.len(), 3);
        assert_eq!(cycle.first(), cycle.last());
        assert!(error.to_string().contains(" -> "));
    }

    #[test]
    fn a_resource_that_needs_itself_is_a_cycle() {
        assert!(matches!(graph(&[("a", &["a"])]).finish(), Err(GraphError::Cycle(_))));
    }

    #[test]
    fn a_dangling_reference_names_both_ends() {
        let error = graph(&[("a", &["nowhere"])]).finish().unwrap_err();
        assert_eq!(error.to_string(), "a refers to nowhere, which is not part of this stack");
    }
}
