//! Builds and checks a graph.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::Value;

use super::cycle::DependencyGraph;
use super::input::{Need, needs_of};
use super::paths::{Timing, order};
use crate::resource::{Handle, KindRef, KindSchema, RefersTo, Resource};
use infra_base::address::{AccountId, Address, Location, Region};

/// One desired resource.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its address.
    pub address: Address,
    /// Its kind.
    pub kind: KindRef,
    /// Its region.
    pub region: Region,
    /// Its account, if that is not the account of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// Its inputs, which still contain references.
    pub spec: Value,
    /// Its dependencies, derived from `spec`.
    pub needs: Vec<Need>,
    /// Its tags other than the ownership tags.
    pub tags: BTreeMap<String, String>,
}

impl Node {
    /// Returns where it is.
    pub fn location(&self) -> Location {
        Location { region: self.region.clone(), account: self.account.clone() }
    }
}

/// The reason why a graph is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// Two resources have the same address.
    #[error("two resources have the address {0}")]
    Duplicate(Address),
    /// A reference to a resource that does not exist.
    #[error("{from} refers to {to}, which is not part of this stack")]
    Dangling {
        /// The resource with the reference.
        from: Address,
        /// The missing resource.
        to: Address,
    },
    /// A dependency cycle.
    #[error(
        "these resources form a dependency cycle: {}",
        .0.iter().map(Address::as_str).collect::<Vec<_>>().join(" -> ")
    )]
    Cycle(Vec<Address>),
}

/// All desired resources and their order.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: BTreeMap<Address, Node>,
    duplicate: Option<Address>,
}

impl Graph {
    /// Adds a resource in the account of the stack. Returns a handle through which other resources refer to its
    /// outputs.
    pub fn add<R: Resource>(
        &mut self,
        address: Address,
        region: &Region,
        tags: &BTreeMap<String, String>,
        spec: &R,
    ) -> Handle<R> {
        self.add_at(address, &region.into(), tags, spec)
    }

    /// Adds a resource in any account. Returns a handle through which other resources refer to its outputs.
    pub fn add_at<R: Resource>(
        &mut self,
        address: Address,
        location: &Location,
        tags: &BTreeMap<String, String>,
        spec: &R,
    ) -> Handle<R> {
        // A specification consists of strings, numbers, lists and maps with text keys, so it always has a JSON form.
        let spec = serde_json::to_value(spec).unwrap_or(Value::Null);
        let needs = needs(&spec, &R::SCHEMA);
        let node = Node {
            address: address.clone(),
            kind: KindRef::of::<R>(),
            region: location.region.clone(),
            account: location.account.clone(),
            spec,
            needs,
            tags: tags.clone(),
        };
        self.insert(node);
        R::Handle::to(address)
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

    /// Checks the whole graph.
    ///
    /// # Errors
    /// A duplicate address, a dangling reference, or a dependency cycle, with all its links.
    pub fn finish(self) -> Result<Self, GraphError> {
        if let Some(address) = self.duplicate {
            return Err(GraphError::Duplicate(address));
        }
        for node in self.nodes.values() {
            if let Some(need) = node.needs.iter().find(|need| !self.nodes.contains_key(&need.on)) {
                return Err(GraphError::Dangling { from: node.address.clone(), to: need.on.clone() });
            }
        }
        match DependencyGraph::new(self.nodes.iter().map(|(address, node)| (address, node.needs.as_slice())))
            .find_cycle()
        {
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

    /// Returns the resources, each after its dependencies. The order is deterministic.
    pub fn in_order(&self) -> Vec<&Node> {
        let dependencies =
            self.nodes.iter().map(|(address, node)| (address, (Timing::default(), node.needs.as_slice()))).collect();
        order(&dependencies).into_iter().filter_map(|address| self.nodes.get(address)).collect()
    }

    /// Returns the environments of the graph, in alphabetical order.
    pub fn environments(&self) -> Vec<String> {
        let mut names: Vec<String> = self.nodes.keys().map(|address| address.environment().to_owned()).collect();
        names.dedup();
        names
    }
}

/// Returns all resources that a specification refers to, and marks weak dependencies: those that only impose an order,
/// or that the specification only mentions.
pub(super) fn needs(spec: &Value, schema: &KindSchema) -> Vec<Need> {
    let holds = |field: &str| !schema.weak_refs.contains(&field) && !schema.order_only.contains(&field);
    let held =
        spec.as_object().into_iter().flatten().filter(|(field, _)| holds(field)).flat_map(|(_, value)| needs_of(value));
    let held: BTreeSet<Address> = held.map(|need| need.on).collect();
    needs_of(spec).into_iter().map(|need| Need { weak: spec.is_object() && !held.contains(&need.on), ..need }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(address: &str, needs: &[&str]) -> (Address, Node) {
        let spec: Vec<Value> =
            needs.iter().map(|on| json!({ "$output": { "of": on, "name": "id", "at": "created" } })).collect();
        let spec = Value::Array(spec);
        let address = Address::new(address);
        let needs = needs_of(&spec);
        (
            address.clone(),
            Node {
                address,
                kind: crate::resource::KindRef::of::<crate::resource::fake::Thing>(),
                region: "us-east-1".into(),
                account: None,
                spec,
                needs,
                tags: BTreeMap::new(),
            },
        )
    }

    fn graph(nodes: &[(&str, &[&str])]) -> Graph {
        Graph { nodes: nodes.iter().map(|(address, needs)| node(address, needs)).collect(), duplicate: None }
    }

    #[test]
    fn a_cycle_is_printed_with_all_links() {
        let error = graph(&[("a", &["b"]), ("b", &["c"]), ("c", &["b"]), ("d", &["a"])]).finish().unwrap_err();
        let GraphError::Cycle(cycle) = &error else { panic!("expected a cycle, got {error}") };
        assert_eq!(cycle.len(), 3);
        assert_eq!(cycle.first(), cycle.last());
        assert!(error.to_string().contains(" -> "));
    }

    #[test]
    fn a_resource_that_depends_on_itself_is_a_cycle() {
        assert!(matches!(graph(&[("a", &["a"])]).finish(), Err(GraphError::Cycle(_))));
    }

    #[test]
    fn a_dangling_reference_names_both_ends() {
        let error = graph(&[("a", &["nowhere"])]).finish().unwrap_err();
        assert_eq!(error.to_string(), "a refers to nowhere, which is not part of this stack");
    }
}
