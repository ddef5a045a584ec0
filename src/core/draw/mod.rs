//! Pictures of the graph: DOT, Mermaid, SVG and JSON. Pure: the same plan gives the same bytes.

mod dot;
mod layers;
mod mermaid;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::graph::Moment;
use crate::plan::Plan;
use infra_base::address::{AccountId, Address, Region};

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// A graph to be drawn.
#[derive(Clone, Debug, Serialize)]
pub struct Picture {
    /// The resources, by address.
    pub nodes: Vec<Node>,
    /// The dependencies.
    pub edges: Vec<Edge>,
    /// The duration of the critical path, in AWS seconds.
    pub expected_seconds: u64,
}

/// A resource.
#[derive(Clone, Debug, Serialize)]
pub struct Node {
    /// Its address.
    pub address: Address,
    /// Its kind.
    pub kind: String,
    /// Its region.
    pub region: Region,
    /// Its account, if that is not the account of the stack.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountId>,
    /// The action of its step, if it is shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// The typical duration of its step, in AWS seconds.
    pub seconds: u64,
    /// Whether it is part of the critical path.
    pub critical: bool,
}

/// A dependency.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// The dependency.
    pub from: Address,
    /// The dependent.
    pub to: Address,
    /// The moment that the dependency must reach.
    pub at: Moment,
    /// Whether both ends are neighbours on the critical path.
    pub critical: bool,
}

impl Picture {
    /// Creates the picture of a plan. With `actions`, it shows the action of each step.
    pub fn of(plan: &Plan, actions: bool) -> Self {
        let on_path: BTreeSet<&Address> = plan.critical_path.iter().collect();
        let pairs: BTreeSet<(&Address, &Address)> =
            plan.critical_path.iter().zip(plan.critical_path.iter().skip(1)).collect();
        let known: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
        let node = |step: &crate::plan::Step| Node {
            address: step.address.clone(),
            kind: step.kind.clone(),
            region: step.region.clone(),
            account: step.account.clone(),
            action: actions.then(|| step.action.verb()),
            seconds: (step.timing.created + step.timing.ready).as_secs(),
            critical: on_path.contains(&step.address),
        };
        let edges = plan.steps.iter().flat_map(|step| {
            let needs = step.needs.iter().filter(|need| known.contains(&need.on));
            needs.map(|need| Edge {
                from: need.on.clone(),
                to: step.address.clone(),
                at: need.at,
                critical: pairs.contains(&(&need.on, &step.address)),
            })
        });
        let mut nodes: Vec<Node> = plan.steps.iter().map(node).collect();
        nodes.sort_by(|one, other| one.address.cmp(&other.address));
        let mut edges: Vec<Edge> = edges.collect();
        edges.sort_by(|one, other| (&one.from, &one.to).cmp(&(&other.from, &other.to)));
        Self { nodes, edges, expected_seconds: plan.expected_seconds }
    }

    /// Returns the resources by environment.
    fn by_environment(&self) -> BTreeMap<&str, Vec<&Node>> {
        let mut environments: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in &self.nodes {
            environments.entry(node.address.environment()).or_default().push(node);
        }
        environments
    }
}

/// Returns the label of a node inside its environment: the address without the environment.
fn label(node: &Node) -> &str {
    node.address.as_str().split_once('/').map_or(node.address.as_str(), |(_, rest)| rest)
}

/// Returns the colour of a node, depending on its action.
fn colour(node: &Node) -> &'static str {
    match node.action {
        Some("create") => "#d4f4dd",
        Some("update" | "resume") => "#fdf0c4",
        Some("replace") => "#fbd9b5",
        Some("delete" | "stuck") => "#f8d0d0",
        _ => "#f4f5f7",
    }
}

/// The colour of the critical path.
const CRITICAL: &str = "#c62828";
