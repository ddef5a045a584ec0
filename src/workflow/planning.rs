//! Computes the plan of `up` for a selection, with everything that must hold before there can be one.

use std::collections::BTreeSet;

use infra_base::address::Address;
use infra_config::Config;
use infra_core::engine::{Context, TagReads};
use infra_core::graph::Graph;
use infra_core::plan::{DriftReport, Plan, PlanError, PlanOptions, plan_up, plan_with};
use infra_core::state::State;
use infra_kinds::KINDS;
use infra_payment::policy::Review;

use crate::error::Error;
use crate::refresh::{OnUnreadable, Refreshed, refresh};
use crate::refusal::{PlanRefusal, SelectionRefusal, Selector};
use crate::selection::Selection;
use crate::stack::graph;
use crate::workspace::Workspace;
use crate::{environments, ignore_rules, moved, policies, protection};

/// A plan, and what it is based on.
pub struct Planned {
    /// The plan.
    pub plan: Plan,
    /// What was read, if anything was.
    pub refreshed: Option<Refreshed>,
    /// What the policies say about the configuration.
    pub review: Review,
}

/// Plans `up` for a selection, after reading the resources that the plan is about, as far as the state contains them.
/// Makes no call if it contains none.
///
/// # Errors
/// There can be no plan, or a resource cannot be read.
pub async fn plan_refreshed(workspace: &Workspace, state: &State, selection: &Selection) -> Result<Planned, Error> {
    let config = &workspace.config;
    let graph = graph(config, state)?;
    let review = policies::check(config, &graph)?;
    let planned = addresses(plan_graph(config, &graph, state, selection, None)?);
    let known = &moved::apply_in_memory(config, state);
    let refreshed = if known.resources.keys().any(|address| planned.contains(address)) {
        let context = workspace.connect_read_only().await?;
        let wanted = |address: &Address| planned.contains(address);
        Some(refresh(config, &context, known, wanted, OnUnreadable::Refuse, TagReads::Listed).await?)
    } else {
        None
    };
    let drift = refreshed.as_ref().map(|refreshed| &refreshed.drift);
    let plan = plan_graph(config, &graph, state, selection, drift)?;
    Ok(Planned { plan, refreshed, review })
}

/// Plans `up` for a selection from the configuration and the state alone.
///
/// # Errors
/// There can be no plan.
pub fn plan_offline(workspace: &Workspace, state: &State, selection: &Selection) -> Result<Planned, Error> {
    let graph = graph(&workspace.config, state)?;
    let review = policies::check(&workspace.config, &graph)?;
    let plan = plan_graph(&workspace.config, &graph, state, selection, None)?;
    Ok(Planned { plan, refreshed: None, review })
}

/// Plans `up` for a selection.
///
/// # Errors
/// The configuration, the selection or the state does not allow a plan.
pub fn build_plan(
    workspace: &Workspace,
    state: &State,
    selection: &Selection,
    drift: Option<&DriftReport>,
) -> Result<Plan, Error> {
    let graph = graph(&workspace.config, state)?;
    policies::check(&workspace.config, &graph)?;
    plan_graph(&workspace.config, &graph, state, selection, drift)
}

/// Does the same without checking policies: for the changes in place that a migration in progress requires. It must not
/// end because a policy is new.
///
/// # Errors
/// The configuration, the selection or the state does not allow a plan.
pub(crate) fn build_plan_beside_policies(
    workspace: &Workspace,
    state: &State,
    selection: &Selection,
    drift: Option<&DriftReport>,
) -> Result<Plan, Error> {
    plan_graph(&workspace.config, &graph(&workspace.config, state)?, state, selection, drift)
}

fn plan_graph(
    config: &Config,
    graph: &Graph,
    state: &State,
    selection: &Selection,
    drift: Option<&DriftReport>,
) -> Result<Plan, Error> {
    let state = &moved::apply_in_memory(config, state);
    protection::check_sections(config, graph, state)?;
    moved::check(config, graph)?;
    ignore_rules::check(config, graph, state)?;
    environments::check(selection, &graph.environments())?;
    let includes = |environment: &str| selection.includes(environment);
    let replaces = |address: &Address| selection.replaces(address);
    let options = PlanOptions { kinds: KINDS, chosen: &includes, replace: &replaces, drift };
    let plan = plan_with(graph, state, &options).map_err(|error| refusal(error, selection))?;
    check_patterns(Selector::Replace, &selection.replace, plan.steps.iter().map(|step| &step.address))?;
    // `delete` is not checked: after a failure, the same command may find the resource deleted.
    Ok(apply_targets(plan, selection)?)
}

/// Plans the creation of the selected environments from the configuration alone.
///
/// # Errors
/// The configuration or the selection does not allow a plan.
pub fn build_plan_from_nothing(workspace: &Workspace, selection: &Selection) -> Result<Plan, Error> {
    let graph = infra_payment::stack::build(&workspace.config)?;
    environments::check(selection, &graph.environments())?;
    // With all environments selected no dependency can be missing. The others are removed afterwards.
    let mut plan = plan_up(KINDS, &graph, &State::empty(), &|_| true).map_err(|error| refusal(error, selection))?;
    plan.keep(|step| selection.includes(step.address.environment()));
    Ok(apply_targets(plan, selection)?)
}

fn refusal(error: PlanError, selection: &Selection) -> PlanRefusal {
    match error {
        PlanError::Missing(missing) => PlanRefusal::MissingDependencies { missing, selection: selection.clone() },
        PlanError::DependencyCycle(cycle) => PlanRefusal::DependencyCycle(cycle),
    }
}

/// Reads the resources that a plan is about, in a session. A resource that cannot be read is left to its step.
///
/// # Errors
/// There can be no plan.
pub async fn refresh_in_session(
    workspace: &Workspace,
    state: &State,
    selection: &Selection,
    context: &Context,
) -> Result<Refreshed, Error> {
    let planned = addresses(build_plan(workspace, state, selection, None)?);
    let state = &moved::apply_in_memory(&workspace.config, state);
    let wanted = |address: &Address| planned.contains(address);
    Ok(refresh(&workspace.config, &context.read_context(), state, wanted, OnUnreadable::Continue, TagReads::Listed)
        .await?)
}

fn addresses(plan: Plan) -> BTreeSet<Address> {
    plan.steps.into_iter().map(|step| step.address).collect()
}

/// Refuses patterns that match nothing.
///
/// # Errors
/// [`SelectionRefusal::NoMatch`].
pub fn check_patterns<'a>(
    selector: Selector,
    patterns: &[String],
    known: impl IntoIterator<Item = &'a Address>,
) -> Result<(), SelectionRefusal> {
    let known: Vec<&Address> = known.into_iter().collect();
    let Some(pattern) = patterns.iter().find(|pattern| !known.iter().any(|address| address.matches(pattern))) else {
        return Ok(());
    };
    let known = known.iter().map(ToString::to_string).collect();
    Err(SelectionRefusal::NoMatch { selector, pattern: pattern.clone(), known })
}

/// Removes everything from a plan that is not among the targets, if there are any.
pub(crate) fn apply_targets(mut plan: Plan, selection: &Selection) -> Result<Plan, SelectionRefusal> {
    if selection.targets.is_empty() {
        return Ok(plan);
    }
    check_patterns(Selector::Target, &selection.targets, plan.steps.iter().map(|step| &step.address))?;
    plan.target(|address| selection.targets(address));
    Ok(plan)
}
