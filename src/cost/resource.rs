//! A resource, as far as its cost depends on it.

use infra_base::address::Address;
use infra_core::graph::Node;
use infra_core::plan::Step;
use infra_core::state::Entry;
use serde_json::Value;

/// A resource that exists, or that a configuration or a plan describes.
#[derive(Clone, Debug)]
pub struct Resource<'a> {
    /// Its address.
    pub address: &'a Address,
    /// Its kind.
    pub kind: &'a str,
    /// Its region.
    pub region: &'a str,
    /// Its specification, in which references need not be resolved.
    pub spec: &'a Value,
    /// What it depends on.
    pub needs: Vec<&'a Address>,
}

impl<'a> Resource<'a> {
    /// As a configuration describes it.
    pub fn of_node(node: &'a Node) -> Self {
        Self {
            address: &node.address,
            kind: node.kind.get().name(),
            region: node.region.as_str(),
            spec: &node.spec,
            needs: node.needs.iter().map(|need| &need.on).collect(),
        }
    }

    /// As a state has it.
    pub fn of_entry(address: &'a Address, entry: &'a Entry) -> Self {
        Self {
            address,
            kind: &entry.kind,
            region: entry.region.as_str(),
            spec: &entry.spec,
            needs: entry.needs.iter().map(|need| &need.on).collect(),
        }
    }

    /// As a step of a plan makes it.
    pub fn of_step(step: &'a Step) -> Self {
        Self {
            address: &step.address,
            kind: &step.kind,
            region: step.region.as_str(),
            spec: &step.spec,
            needs: step.needs.iter().map(|need| &need.on).collect(),
        }
    }

    /// Returns an input that is a text.
    pub(crate) fn text(&self, input: &str) -> Option<&'a str> {
        self.spec.get(input)?.as_str()
    }

    /// Returns an input that is a whole number, also as a text.
    pub(crate) fn number(&self, input: &str) -> Option<i64> {
        let value = self.spec.get(input)?;
        value.as_i64().or_else(|| value.as_str()?.parse().ok())
    }

    /// Returns whether an input is on.
    pub(crate) fn is_on(&self, input: &str) -> bool {
        self.spec.get(input).and_then(Value::as_bool).unwrap_or_default()
    }
}
