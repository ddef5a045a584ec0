//! The plan of `down`, and the check for what it left behind.

use std::collections::BTreeSet;

use infra_aws::{AwsError, Tagged};
use infra_base::address::Address;
use infra_core::engine::{Context, orphans};
use infra_core::events::Events;
use infra_core::plan::{Plan, Step, plan_down, plan_up};
use infra_core::state::State;
use infra_kinds::KINDS;

use crate::error::Error;
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
    let graph = graph(config, state)?;
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

/// Returns what still carries this stack's tags after a deletion.
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
    let locations = configured.chain(done.steps.iter().map(Step::location)).collect();
    // The run has ended; these calls are not part of its events.
    let silent = Context { events: Events::nowhere(), ..context.clone() };
    // Resources that an earlier run deleted are looked up as the configuration describes them.
    let mut expected = done.clone();
    let all = infra_payment::stack::build(config)
        .ok()
        .and_then(|graph| plan_up(KINDS, &graph, &State::empty(), &|_| true).ok());
    let known: BTreeSet<&Address> = done.steps.iter().map(|step| &step.address).collect();
    expected.steps.extend(all.into_iter().flat_map(|plan| plan.steps).filter(|step| !known.contains(&step.address)));
    let found = orphans(&silent, &locations, &expected).await?;
    Ok(found.into_iter().filter(|resource| selection.includes(resource.address.environment())).collect())
}
