//! The plan of `down`, and the check for what it left behind.

use std::time::Duration;

use infra_aws::{AwsError, Tagged};
use infra_base::clock::Clock;
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

/// How long a read can still show what was deleted last ("Eventual consistency in the Amazon EC2 API", EC2 Developer
/// Guide), and the pause between two looks.
const SHOWN_AFTER_DELETION: Duration = Duration::from_secs(15);
const PAUSE: Duration = Duration::from_secs(5);

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
    until_nothing_is_seen(context.cloud.clock(), async || {
        let found = tagged(config, context, &locations).await?;
        Ok(found.into_iter().filter(|resource| selection.includes(resource.address.environment())).collect())
    })
    .await
}

/// Looks until nothing is seen any more, as long as a read can be older than the deletion. Returns what is still seen
/// then.
async fn until_nothing_is_seen<T, E>(clock: Clock, look: impl AsyncFn() -> Result<Vec<T>, E>) -> Result<Vec<T>, E> {
    let mut waited = Duration::ZERO;
    loop {
        let seen = look().await?;
        if seen.is_empty() || waited >= SHOWN_AFTER_DELETION {
            return Ok(seen);
        }
        clock.sleep(PAUSE).await;
        waited += PAUSE;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a `down` that is shown what it has deleted for some seconds reports as left, and after how many seconds.
    async fn left(shown_for: Duration) -> (usize, u64) {
        let began = tokio::time::Instant::now();
        let look = async || Ok::<_, ()>(if began.elapsed() < shown_for { vec![()] } else { Vec::new() });
        let left = until_nothing_is_seen(Clock::real(), look).await.expect("it looks");
        (left.len(), began.elapsed().as_secs())
    }

    /// A listing shows what is deleted for hours, and the read that verifies it can lag, too.
    #[tokio::test(start_paused = true)]
    async fn what_was_deleted_last_was_reported_as_left_by_a_read_that_lagged() {
        assert_eq!(left(Duration::ZERO).await, (0, 0), "nothing is waited for");
        assert_eq!(left(Duration::from_secs(10)).await, (0, 10));
        assert_eq!(left(Duration::MAX).await, (1, 15), "what stays is reported");
    }
}
