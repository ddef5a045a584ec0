//! Resources that carry this stack's tags and are not in its state.

use std::collections::{BTreeMap, BTreeSet};

use infra_aws::{AwsError, Tagged, tagged_roles};
use infra_base::address::{AccountId, Address, Location};
use infra_config::Config;
use infra_config::naming::DMS_ACCOUNT_ROLES;
use infra_core::engine::Context;
use infra_core::events::Events;
use infra_core::graph::{Graph, Node};
use infra_core::plan::{Plan, plan_delete, plan_discovery};
use infra_core::state::Entry;
use infra_kinds::KINDS;

use crate::error::Error;
use crate::moved;
use crate::protection;

/// Returns the resources that carry this stack's tags and are not in its state.
///
/// # Errors
/// AWS does not list them.
pub async fn list(config: &Config, context: &Context, graph: &Graph) -> Result<Vec<Tagged>, AwsError> {
    let in_state = context.journal.read(|state| state.resources.values().map(Entry::location).collect::<Vec<_>>());
    let locations: BTreeSet<Location> = graph.nodes().values().map(Node::location).chain(in_state).collect();
    tagged(config, context, &locations).await
}

/// Returns the resources in these locations that carry this stack's tags and are not in its state.
///
/// # Errors
/// AWS does not list them.
pub(crate) async fn tagged(
    config: &Config,
    context: &Context,
    locations: &BTreeSet<Location>,
) -> Result<Vec<Tagged>, AwsError> {
    // These calls are not part of the events of a run.
    let silent = Context { events: Events::nowhere(), ..context.clone() };
    let mut found = infra_core::engine::orphans(&silent, locations).await?;
    // AWS does not list roles by tag.
    let accounts: BTreeMap<&Option<AccountId>, &Location> =
        locations.iter().map(|location| (&location.account, location)).collect();
    for home in accounts.into_values() {
        let suffix = config.stack.suffix.as_str();
        let is_candidate = |name: &str| name.ends_with(suffix) || DMS_ACCOUNT_ROLES.contains(&name);
        let roles = tagged_roles(&context.cloud, &context.calls, home, &context.stack, &is_candidate).await?;
        found.extend(roles.into_iter().filter(|role| context.journal.read(|state| !state.has_tagged(&role.address))));
    }
    found.sort_by(|one, other| (&one.address, &one.arn).cmp(&(&other.address, &other.arn)));
    found.dedup_by(|one, other| one.arn == other.arn);
    Ok(found)
}

/// Plans the import of everything in the graph that exists and is not in the state. Records renamed addresses first.
///
/// # Errors
/// The configuration is invalid, or the journal cannot be written.
pub async fn plan_import(config: &Config, context: &Context, graph: &Graph) -> Result<Plan, Error> {
    moved::check(config, graph)?;
    moved::record(context, config).await?;
    Ok(context.journal.read(|state| plan_discovery(KINDS, graph, state)))
}

/// Plans the deletion of imported orphans.
///
/// # Errors
/// They are in use or protected.
pub fn plan_deletion(config: &Config, context: &Context, imported: &BTreeSet<Address>) -> Result<Plan, Error> {
    let plan = context.journal.read(|state| plan_delete(KINDS, state, imported, "it is an orphan"));
    let plan = plan.map_err(crate::refusal::PlanRefusal::OrphanInUse)?;
    protection::refuse(&plan, config)?;
    Ok(plan)
}
