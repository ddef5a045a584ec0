//! Parts of a graph.

use serde_json::Value;

use super::build::{Graph, needs};
use super::input::{OutputRef, Unresolved, resolve};
use infra_base::address::Address;

impl Graph {
    /// Returns the resources that `keep` selects. References to the others are replaced with the values of `known`, so
    /// that the part is complete.
    ///
    /// # Errors
    /// A required output of an excluded resource is not known.
    pub fn part(
        &self,
        keep: impl Fn(&Address) -> bool,
        known: impl Fn(&OutputRef) -> Option<Value>,
    ) -> Result<Self, Unresolved> {
        let lookup = |output: &OutputRef| match keep(&output.of) {
            true => Some(serde_json::json!({ "$output": output })),
            false => known(output),
        };
        let mut part = Self::default();
        for node in self.nodes().values().filter(|node| keep(&node.address)) {
            let mut node = node.clone();
            node.spec = fill(&node.spec, &lookup)?;
            node.needs = needs(&node.spec, node.kind.schema());
            part.insert(node);
        }
        Ok(part)
    }

    /// Returns the graph with one specification changed.
    #[must_use]
    pub fn altered(&self, address: &Address, change: impl FnOnce(&mut Value)) -> Self {
        let mut graph = self.clone();
        graph.alter(address, |node| {
            change(&mut node.spec);
            node.needs = needs(&node.spec, node.kind.schema());
        });
        graph
    }
}

/// Replaces the references to excluded resources. The others stay, also inside concatenated texts.
fn fill(spec: &Value, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Result<Value, Unresolved> {
    match spec {
        Value::Object(object) if object.contains_key("$output") => resolve(spec, lookup),
        Value::Object(object) => object.iter().map(|(key, inner)| Ok((key.clone(), fill(inner, lookup)?))).collect(),
        Value::Array(items) => items.iter().map(|inner| fill(inner, lookup)).collect(),
        other => Ok(other.clone()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::json;

    use super::*;
    use crate::graph::{Input, Moment};
    use crate::resource::fake::Thing;

    #[test]
    fn references_to_excluded_resources_are_resolved() {
        let (region, tags) = ("us-east-1".into(), BTreeMap::new());
        let mut graph = Graph::default();
        let vpc = graph.add(Address::new("source/network/vpc"), &region, &tags, &Thing { vpc: "vpc-1".into() });
        let id: Input<String> = Input::output(vpc.address(), "vpc_id", Moment::Created);
        graph.add(Address::new("source/network/igw"), &region, &tags, &Thing { vpc: id.clone() });
        let graph = graph.finish().unwrap();
        let gateway = |address: &Address| address.as_str().ends_with("igw");
        let part = graph.part(gateway, |output| (output.name == "vpc_id").then(|| json!("vpc-1"))).unwrap();
        let node = part.get(&Address::new("source/network/igw")).unwrap();
        assert_eq!((part.nodes().len(), &node.spec), (1, &json!({ "vpc": "vpc-1" })));
        assert!(node.needs.is_empty());
        assert!(graph.part(gateway, |_| None).is_err());
        let all = graph.part(|_| true, |_| None).unwrap();
        assert_eq!(all.get(&Address::new("source/network/igw")).unwrap().spec, json!({ "vpc": id }));
    }
}
