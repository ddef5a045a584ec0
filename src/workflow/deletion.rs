//! The plan of `down`, and the check for what it left behind.

use infra_aws::{AwsError, Tagged};
use infra_core::engine::Context;
use infra_core::graph::Graph;
use infra_core::plan::{Plan, Step, plan_down};
use infra_core::state::State;
use infra_kinds::KINDS;
use infra_payment::stack::ROUTING;

use crate::error::Error;
use crate::orphans::tagged;
use crate::planning::apply_targets;
use crate::refusal::PlanRefusal;
use crate::selection::Selection;
use crate::stack::graph;
use crate::workspace::Workspace;
use crate::{moved, protection};

/// Plans the deletion of the selected resources.
///
/// # Errors
/// Resources are in use or protected, or the configuration or selection is invalid.
pub fn plan(workspace: &Workspace, state: &State, selection: &Selection) -> Result<Plan, Error> {
    let config = &workspace.config;
    // Without a configuration, everything is deleted as it was applied.
    let graph = if config.is_from_state { Graph::default() } else { graph(config, state)? };
    moved::check(config, &graph)?;
    let plan = plan_down(KINDS, state, &|environment| selection.includes(environment)).map_err(|users| {
        // An environment that receives traffic must not be deleted first.
        let receives_traffic = state.migration.live.is_some_and(|live| live > 0)
            && users.environments().iter().any(|name| ["routing", "target"].contains(name));
        PlanRefusal::StillInUse { users, receives_traffic, selection: selection.clone() }
    })?;
    let mut plan = apply_targets(plan, selection)?;
    protection::check_sections(config, &graph, state)?;
    protection::refuse(&plan, config)?;
    plan.delete_as_configured(&graph);
    protection::refuse_in_aws(&plan, &graph)?;
    Ok(plan)
}

/// Returns what still has this stack's tags after a deletion.
///
/// # Errors
/// AWS does not list it.
pub async fn leftovers(
    workspace: &Workspace,
    context: &Context,
    done: &Plan,
    selection: &Selection,
) -> Result<Vec<Tagged>, AwsError> {
    let config = &workspace.config;
    let configured = config.environments.iter();
    let configured = configured.map(|one| context.cloud.location(&one.name, &one.region));
    let routing = config.routing.iter().map(|_| context.cloud.location(ROUTING, &config.home_region()));
    let locations = configured.chain(routing).chain(done.steps.iter().map(Step::location)).collect();
    let found = tagged(config, context, &locations).await?;
    Ok(found.into_iter().filter(|resource| selection.includes(resource.address.environment())).collect())
}
