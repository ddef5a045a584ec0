//! The plan that deletes selected resources of the state.

use std::collections::BTreeSet;

use super::deletion;
use super::external_users::ExternalUsers;
use super::step::Step;
use super::steps::Plan;
use crate::resource::Kinds;
use crate::state::State;
use infra_base::address::Address;

/// Plans to delete these resources.
///
/// # Errors
/// [`ExternalUsers`] if another resource of the state depends on one of them.
pub fn plan_delete(
    kinds: Kinds,
    state: &State,
    deleted: &BTreeSet<Address>,
    reason: &str,
) -> Result<Plan, ExternalUsers> {
    let mut uses = Vec::new();
    for (user, entry) in state.resources.iter().filter(|(user, _)| !deleted.contains(user)) {
        uses.extend(
            entry.needs.iter().filter(|need| deleted.contains(&need.on)).map(|need| (need.on.clone(), user.clone())),
        );
    }
    if !uses.is_empty() {
        return Err(ExternalUsers { uses });
    }
    let mut steps: Vec<Step> = deleted
        .iter()
        .filter_map(|address| Some(deletion::step(kinds, address, state.get(address)?, reason)))
        .collect();
    let deleted: Vec<Address> = deleted.iter().cloned().collect();
    deletion::order(&mut steps, state, &deleted);
    Ok(Plan::new(steps))
}
