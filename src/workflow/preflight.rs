//! What would fail a run, found before its first change.

use std::time::SystemTime;

use infra_core::engine::ReadContext;
use infra_core::plan::Plan;
use infra_core::state::State;
use infra_permissions::Access;
pub use infra_preflight::{Finding, Verdict};
use infra_preflight::{Subject, preflight};

use crate::error::Error;
use crate::permissions::policies;
use crate::selection::Selection;
use crate::workspace::Workspace;

/// Checks a plan of `up`.
///
/// # Errors
/// The configuration is not valid. What a check cannot read is a finding.
pub async fn check(
    workspace: &Workspace,
    reads: &ReadContext,
    state: &State,
    plan: &Plan,
    selection: &Selection,
) -> Result<Vec<Finding>, Error> {
    let policies = policies(&workspace.config, state, selection, &[Access::Up])?;
    Ok(preflight(&Subject { reads, state, plan, policies: &policies, now: SystemTime::now() }).await)
}

/// Returns whether `up` checks a plan before it begins: one that creates something. An emulator has neither quotas nor
/// a simulation of permissions.
pub fn is_worthwhile(workspace: &Workspace, plan: &Plan) -> bool {
    (workspace.is_aws || workspace.sandbox) && plan.steps.iter().any(|step| step.action.creates())
}
