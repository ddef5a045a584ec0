//! The plan of a rollback.

use infra_base::address::Address;
use infra_config::Config;
use infra_core::plan::{Rollback, plan_rollback};
use infra_core::state::State;
use infra_kinds::KINDS;

use crate::error::Error;
use crate::refusal::{PlanRefusal, SelectionRefusal};
use crate::selection::Selection;
use crate::stack::graph;
use crate::{moved, protection};

/// Plans to undo what the last unfinished `up` did, except for `skipped` resources.
///
/// # Errors
/// A skipped resource is unknown, the rollback contains a dependency cycle, or it would delete protected resources.
pub fn plan(config: &Config, state: &State, skipped: &[Address]) -> Result<Rollback, Error> {
    let graph = graph(config, state)?;
    moved::check(config, &graph)?;
    let is_undone =
        |address: &&Address| state.undo.created.contains(*address) || state.undo.changed.contains_key(*address);
    if let Some(unknown) = skipped.iter().find(|address| !is_undone(address)) {
        return Err(SelectionRefusal::NotRolledBack(unknown.clone()).into());
    }
    let mut rollback = plan_rollback(KINDS, state, skipped, &|_| true);
    rollback.plan.delete_as_configured(&graph);
    check(config, rollback, true)
}

/// Plans to undo an `up` that has just failed, in the environments of that `up`.
///
/// # Errors
/// The rollback contains a dependency cycle, or it would delete protected resources.
pub fn plan_immediate(config: &Config, state: &State, selection: &Selection) -> Result<Rollback, Error> {
    let mut rollback = plan_rollback(KINDS, state, &[], &|environment| selection.includes(environment));
    rollback.plan.delete_as_configured(&graph(config, state)?);
    check(config, rollback, false)
}

fn check(config: &Config, rollback: Rollback, can_skip: bool) -> Result<Rollback, Error> {
    if let Some(cycle) = rollback.cycle {
        return Err(PlanRefusal::RollbackCycle(cycle).into());
    }
    let resources = protection::protected(&rollback.plan, config);
    if resources.is_empty() {
        return Ok(rollback);
    }
    Err(PlanRefusal::RollbackOfProtected { resources, can_skip }.into())
}
