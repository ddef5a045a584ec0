//! The graph as a picture: DOT, Mermaid, SVG and JSON. Pure: the same plan gives the same bytes.

mod dot;
mod layers;
mod mermaid;
mod svg;

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::address::{Address, Region};
use crate::graph::Moment;
use crate::plan::Plan;

pub use dot::dot;
pub use mermaid::mermaid;
pub use svg::svg;

/// A graph to be drawn.
#[derive(Clone, Debug, Serialize)]
pub struct Picture {
    /// The resources, by address.
    pub nodes: Vec<Node>,
    /// What comes before what.
    pub edges: Vec<Edge>,
    /// How long the longest chain takes, in AWS seconds.
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
    /// What would be done to it, when that is to be shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<&'static str>,
    /// How long its step typically takes, in AWS seconds.
    pub seconds: u64,
    /// Whether it is part of the chain that decides how long a run takes.
    pub critical: bool,
}

/// An edge, from what comes first.
#[derive(Clone, Debug, Serialize)]
pub struct Edge {
    /// What comes first.
    pub from: Address,
    /// What waits for it.
    pub to: Address,
    /// How far the first has to be.
    pub at: Moment,
    /// Whether both ends are neighbours on the critical path.
    pub critical: bool,
}

impl Picture {
    /// Takes the picture of a plan. With `actions`, it shows what would be done.
    pub fn of(plan: &Plan, actions: bool) -> Self {
        let on_path: BTreeSet<&Address> = plan.critical_path.iter().collect();
        let pairs: BTreeSet<(&Address, &Address)> = plan.critical_path.iter().zip(plan.critical_path.iter().skip(1)).collect();
        let known: BTreeSet<&Address> = plan.steps.iter().map(|step| &step.address).collect();
        let node = |step: &crate::plan::Step| Node {
            address: step.address.clone(),
            kind: step.kind.clone(),
            region: step.region.clone(),
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

    /// The resources of each environment.
    fn by_environment(&self) -> BTreeMap<&str, Vec<&Node>> {
        let mut environments: BTreeMap<&str, Vec<&Node>> = BTreeMap::new();
        for node in &self.nodes {
            environments.entry(node.address.environment()).or_default().push(node);
        }
        environments
    }
}

/// What is drawn inside an environment: the address without it.
fn label(node: &Node) -> &str {
    node.address.as_str().split_once('/').map_or(node.address.as_str(), |(_, rest)| rest)
}

/// The colour of a node: what would be done to it, or nothing in particular.
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
