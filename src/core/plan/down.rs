//! The plan of `down`: the state, in reverse order.

use super::delete::plan_delete;
use super::external_users::ExternalUsers;
use super::steps::Plan;
use crate::resource::Kinds;
use crate::state::State;

/// Plans to delete all resources of the chosen environments.
///
/// # Errors
/// [`ExternalUsers`] if a resource outside the chosen environments depends on one inside.
pub fn plan_down(kinds: Kinds, state: &State, chosen: &dyn Fn(&str) -> bool) -> Result<Plan, ExternalUsers> {
    let deleted = state.resources.keys().filter(|address| chosen(address.environment())).cloned().collect();
    let mut plan = plan_delete(kinds, state, &deleted, "the whole environment is deleted")?;
    // An environment without resources has no steps, but it is part of the plan.
    plan.environments.extend(state.undo.environments().filter(|environment| chosen(environment)).map(str::to_owned));
    Ok(plan)
}
