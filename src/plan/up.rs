//! The plan of `up`: desired graph and state to steps.

use std::collections::BTreeSet;

use super::decide::{Decider, Decision};
use super::knot::{Knot, untie};
use super::replace::Replaced;
use super::{Action, Finding, Findings, Plan, Step, names};
use crate::address::Address;
use crate::graph::{Graph, Moment, Need, Node};
use crate::state::{State, Status};

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

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Something outside the chosen environments is needed and is not there.
    #[error(transparent)]
    Missing(#[from] Missing),
    /// What is asked for can not be done in one go.
    #[error(transparent)]
    Knot(#[from] Knot),
}

/// What is wanted besides the graph.
pub struct Wish<'a> {
    /// Which environments are worked on.
    pub chosen: &'a dyn Fn(&str) -> bool,
    /// What is to be replaced, also when nothing forces it.
    pub replace: &'a dyn Fn(&Address) -> bool,
    /// What a look at the cloud has found. Without a look, every step looks for itself.
    pub findings: Option<&'a Findings>,
}

impl<'a> Wish<'a> {
    /// Wants these environments to be as the graph says, and nothing else.
    pub fn of(chosen: &'a dyn Fn(&str) -> bool) -> Self {
        Self { chosen, replace: &|_| false, findings: None }
    }

    pub(super) fn finding(&self, address: &Address) -> Option<&Finding> {
        self.findings?.get(address)
    }

    pub(super) fn replaces(&self, address: &Address) -> bool {
        (self.replace)(address)
    }
}

/// Plans to bring the chosen environments to what the graph says.
///
/// # Errors
/// [`Impossible`]
pub fn plan_up(graph: &Graph, state: &State, chosen: &dyn Fn(&str) -> bool) -> Result<Plan, Impossible> {
    plan_wish(graph, state, &Wish::of(chosen))
}

/// Plans to bring the chosen environments to what the graph says, and what else is wanted.
///
/// # Errors
/// [`Impossible`]
pub fn plan_wish(graph: &Graph, state: &State, wish: &Wish<'_>) -> Result<Plan, Impossible> {
    let chosen = wish.chosen;
    let (mut steps, mut missing) = (Vec::new(), Vec::new());
    let mut decider = Decider::new(graph, state, wish);
    let mut old = Replaced::new(state);
    for node in graph.in_order().into_iter().filter(|node| chosen(node.address.environment())) {
        let outside = node.needs.iter().filter(|need| !chosen(need.on.environment()) && !is_there(state, need));
        missing.extend(outside.map(|need| (need.on.clone(), node.address.clone())));
        let decision = decider.decide(node);
        for (address, entry) in state.set_aside(&node.address).filter(|(address, _)| decision.takes_back.as_ref() != Some(address)) {
            old.left_behind(node, address, entry, decider.order(node, entry));
        }
        steps.push(step(node, state, decision, &mut old));
    }
    if !missing.is_empty() {
        return Err(Missing { needs: missing }.into());
    }
    for (address, entry) in &state.resources {
        let in_place = address.made_way().is_some_and(|base| graph.get(&base).is_some());
        if chosen(address.environment()) && graph.get(address).is_none() && !in_place {
            steps.push(super::down::step(address, entry, "it is no longer part of the configuration"));
        }
    }
    let doomed: Vec<Address> = steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.address.clone()).collect();
    super::down::order(&mut steps, state, &doomed);
    let strangers = old.finish(&mut steps, &doomed);
    super::claims::wait(&mut steps);
    untie(&mut steps)?;
    super::patience::wait(&mut steps);
    super::down::as_configured(&mut steps, graph);
    super::division::keep(&mut steps, state);
    steps.sort_by(|one, other| one.address.cmp(&other.address));
    let mut plan = Plan::new(steps);
    plan.strangers = strangers;
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

fn step(node: &Node, state: &State, decision: Decision, old: &mut Replaced<'_>) -> Step {
    let timing = super::timing::of(node.kind, &decision.action);
    let (mut moves, mut clears) = (None, None);
    if let Some(from) = decision.takes_back {
        clears = state.get(&node.address).and_then(|entry| old.gives_way(node, entry));
        moves = Some(old.takes_back(node, from));
    } else if let (Action::Replace { order, .. }, Some(entry)) = (&decision.action, state.get(&node.address)) {
        moves = old.replaces(node, entry, *order);
    }
    Step {
        address: node.address.clone(),
        kind: node.kind.to_owned(),
        region: node.region.clone(),
        action: decision.action,
        reason: decision.reason,
        needs: node.needs.clone(),
        after: Vec::new(),
        moves,
        clears,
        gives_back: None,
        leaves: decision.leaves,
        puts_right: decision.puts_right,
        shown: decision.shown,
        seen: decision.seen,
        spec: node.spec.clone(),
        tags: node.tags.clone(),
        timing,
    }
}
