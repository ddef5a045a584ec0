//! The plan of `up`: compares the desired graph with the state.

use super::action::Action;
use super::cycle::break_cycles;
use super::options::{Missing, PlanError, PlanOptions};
use super::planner::{Decision, Planner};
use super::replace::Replaced;
use super::step::Step;
use super::steps::Plan;
use crate::graph::{Graph, Moment, Need, Node};
use crate::resource::Kinds;
use crate::state::{State, Status};
use infra_base::address::Address;

/// Plans the changes that make the chosen environments match the graph.
///
/// # Errors
/// [`PlanError`]
pub fn plan_up(kinds: Kinds, graph: &Graph, state: &State, chosen: &dyn Fn(&str) -> bool) -> Result<Plan, PlanError> {
    plan_with(graph, state, &PlanOptions::of(kinds, chosen))
}

/// Plans the changes that make the selected environments match the graph, with options.
///
/// # Errors
/// [`PlanError`]
pub fn plan_with(graph: &Graph, state: &State, options: &PlanOptions<'_>) -> Result<Plan, PlanError> {
    let chosen = options.chosen;
    let (mut steps, mut missing) = (Vec::new(), Vec::new());
    let mut planner = Planner::new(graph, state, options);
    let mut old = Replaced::new(options.kinds, state);
    for node in graph.in_order().into_iter().filter(|node| chosen(node.address.environment())) {
        let outside = node.needs.iter().filter(|need| !chosen(need.on.environment()) && !has_reached(state, need));
        missing.extend(outside.map(|need| (need.on.clone(), node.address.clone())));
        let decision = planner.decide(node);
        for (address, entry) in
            state.retired(&node.address).filter(|(address, _)| decision.restores.as_ref() != Some(address))
        {
            old.add_retired(node, address, entry, planner.order(node, entry));
        }
        steps.push(step(node, state, decision, &mut old));
    }
    if !missing.is_empty() {
        return Err(Missing { needs: missing }.into());
    }
    for (address, entry) in &state.resources {
        let in_place = address.retired_from().is_some_and(|base| graph.get(&base).is_some());
        if chosen(address.environment()) && graph.get(address).is_none() && !in_place {
            steps.push(super::deletion::step(
                options.kinds,
                address,
                entry,
                "it is no longer part of the configuration",
            ));
        }
    }
    let deleted: Vec<Address> =
        steps.iter().filter(|step| step.action == Action::Delete).map(|step| step.address.clone()).collect();
    super::deletion::order(&mut steps, state, &deleted);
    let external_users = old.finish(&mut steps, &deleted);
    super::name_conflicts::order_by_names(&mut steps);
    break_cycles(&mut steps)?;
    super::defer_deletes::defer(&mut steps);
    super::deletion::as_configured(&mut steps, graph);
    super::traffic_weights::resume_shares(&mut steps, state);
    steps.sort_by(|one, other| one.address.cmp(&other.address));
    let mut plan = Plan::new(steps);
    plan.external_users = external_users;
    // An environment that the configuration no longer has has no steps, but it is part of the plan.
    plan.environments.extend(state.undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    Ok(plan)
}

/// Returns whether a resource outside the chosen environments has reached the required moment.
fn has_reached(state: &State, need: &Need) -> bool {
    let far_enough = |status| match need.at {
        Moment::Created => status != Status::Deleting,
        Moment::Ready => matches!(status, Status::Ready | Status::Updating),
    };
    state.get(&need.on).is_some_and(|entry| entry.attrs.is_some() && far_enough(entry.status))
}

fn step(node: &Node, state: &State, decision: Decision, old: &mut Replaced<'_>) -> Step {
    let timing = super::timing::of(Some(node.kind), &decision.action);
    let (mut moves, mut evicts) = (None, None);
    if let Some(from) = decision.restores {
        evicts = state.get(&node.address).and_then(|entry| old.evicts(node, entry));
        moves = Some(old.restores(node, from));
    } else if let (Action::Replace { order, .. }, Some(entry)) = (&decision.action, state.get(&node.address)) {
        moves = old.replaces(node, entry, *order);
    }
    Step {
        address: node.address.clone(),
        kind: node.kind.name().to_owned(),
        handler: Some(node.kind),
        region: node.region.clone(),
        account: node.account.clone(),
        action: decision.action,
        reason: decision.reason,
        needs: node.needs.clone(),
        after: Vec::new(),
        moves,
        evicts,
        restores: None,
        ignored_fields: decision.ignored_fields,
        corrects: decision.corrects,
        observed: decision.observed,
        verified: decision.verified,
        spec: node.spec.clone(),
        tags: node.tags.clone(),
        timing,
    }
}
