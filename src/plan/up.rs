//! The plan of `up`: desired graph and state to steps.

use std::collections::BTreeSet;

use serde_json::Value;

use super::diff::{Change, changes};
use super::{Action, Plan, Step, names};
use crate::address::{Address, Region};
use crate::graph::{Graph, Moment, Need, Node, OutputRef, Timing, resolve};
use crate::resource::{About, kind};
use crate::state::{Entry, State, Status};

/// Things that are needed of environments that were not asked for, and that do not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what is needed of {} does not exist yet", names(&self.environments()))]
pub struct Missing {
    /// What is missing, and what needs it.
    pub needs: Vec<(Address, Address)>,
}

impl Missing {
    /// Returns the environments that have to be there first, in alphabetical order.
    pub fn environments(&self) -> Vec<&str> {
        self.needs.iter().map(|(missing, _)| missing.environment()).collect::<BTreeSet<_>>().into_iter().collect()
    }
}

/// Plans to bring the chosen environments to what the graph says.
///
/// # Errors
/// [`Missing`], when something outside the chosen environments is needed and is not there.
pub fn plan_up(graph: &Graph, state: &State, chosen: &dyn Fn(&str) -> bool) -> Result<Plan, Missing> {
    let (mut steps, mut missing) = (Vec::new(), Vec::new());
    for node in graph.nodes().values().filter(|node| chosen(node.address.environment())) {
        let outside = node.needs.iter().filter(|need| !chosen(need.on.environment()) && !is_there(state, need));
        missing.extend(outside.map(|need| (need.on.clone(), node.address.clone())));
        steps.push(step(node, state));
    }
    if !missing.is_empty() {
        return Err(Missing { needs: missing });
    }
    for (address, entry) in &state.resources {
        if chosen(address.environment()) && graph.get(address).is_none() {
            steps.push(super::down::step(address, entry, "it is no longer part of the configuration"));
        }
    }
    steps.sort_by(|one, other| one.address.cmp(&other.address));
    let doomed: Vec<Address> = steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.address.clone()).collect();
    super::down::order(&mut steps, state, &doomed);
    let mut plan = Plan::new(steps);
    // One that the configuration no longer has has no steps, and is done all the same.
    plan.environments.extend(state.undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    Ok(plan)
}

/// Returns whether something outside the chosen environments is as far as it has to be.
fn is_there(state: &State, need: &Need) -> bool {
    let far_enough = |status| match need.at {
        Moment::Created => status != Status::Deleting,
        Moment::Ready => matches!(status, Status::Ready | Status::Updating),
    };
    state.get(&need.on).is_some_and(|entry| entry.attrs.is_some() && far_enough(entry.status))
}

fn step(node: &Node, state: &State) -> Step {
    let about = kind(node.kind).map(|kind| (kind.about(), kind.timing()));
    let (action, reason) = match (state.get(&node.address), about) {
        (None, _) => (Action::Create, "it does not exist".to_owned()),
        (Some(entry), about) => decide(node, entry, state, about.map(|(about, _)| about)),
    };
    let timing = match action {
        Action::Nothing => Timing::default(),
        _ => about.map(|(_, timing)| timing).unwrap_or_default(),
    };
    Step {
        address: node.address.clone(),
        kind: node.kind.to_owned(),
        region: node.region.clone(),
        action,
        reason,
        needs: node.needs.clone(),
        spec: node.spec.clone(),
        tags: node.tags.clone(),
        timing,
    }
}

fn decide(node: &Node, entry: &Entry, state: &State, about: Option<&About>) -> (Action, String) {
    if entry.region != node.region {
        let change = |old: &Region, new: &Region| Change { field: "region".to_owned(), old: old.as_str().into(), new: new.as_str().into() };
        return (Action::Replace { changes: vec![change(&entry.region, &node.region)] }, "AWS can not move it to another region".to_owned());
    }
    if entry.status != Status::Ready {
        let what = match entry.status {
            Status::Creating => "its creation was begun and its outcome is not known",
            Status::Created => "it was created but was not ready yet",
            Status::Updating => "its change was begun and not finished",
            Status::Deleting => "its deletion was begun and not finished",
            Status::Ready => "",
        };
        return (Action::Resume, what.to_owned());
    }
    let lookup = |output: &OutputRef| state.attrs(&output.of).and_then(|attrs| attrs.get(&output.name)).cloned();
    // What cannot be resolved yet will be a new value: the reference itself stands for it.
    let wanted = resolve(&node.spec, &lookup).unwrap_or_else(|_| resolve_some(&node.spec, &lookup));
    let mut differences = changes(&entry.spec, &wanted);
    if entry.tags != node.tags {
        let print = |tags| serde_json::to_value(tags).unwrap_or(Value::Null);
        differences.push(Change { field: "tags".to_owned(), old: print(&entry.tags), new: print(&node.tags) });
    }
    if differences.is_empty() {
        return (Action::Nothing, "it is as specified".to_owned());
    }
    let fields = |differences: &[Change]| differences.iter().map(|change| format!("`{}`", change.field)).collect::<Vec<_>>().join(", ");
    let forcing: Vec<Change> =
        differences.iter().filter(|change| about.is_some_and(|about| about.immutable.contains(&change.field.as_str()))).cloned().collect();
    if forcing.is_empty() {
        let reason = format!("{} changed", fields(&differences));
        (Action::Update { changes: differences }, reason)
    } else {
        let reason = format!("AWS can not change {} in place", fields(&forcing));
        (Action::Replace { changes: differences }, reason)
    }
}

/// Resolves what can be resolved, input by input.
fn resolve_some(spec: &Value, lookup: &dyn Fn(&OutputRef) -> Option<Value>) -> Value {
    match spec {
        Value::Object(fields) => {
            fields.iter().map(|(field, value)| (field.clone(), resolve(value, lookup).unwrap_or_else(|_| value.clone()))).collect()
        }
        other => other.clone(),
    }
}
