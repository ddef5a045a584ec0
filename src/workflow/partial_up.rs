//! Gives some resources what follows from a new fact of the migration, as `up --target` does.

use infra_base::causes::with_causes;
use infra_base::on_heap::on_heap;
use infra_core::engine::{self, Context, Outcome};
use infra_core::plan::{Action, Step};
use infra_core::resource::{Error, describe};

use crate::planning::build_plan_beside_policies;
use crate::selection::Selection;
use crate::workspace::Workspace;

/// Why some resources do not have what follows from the state.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PartialUpError {
    /// Something else must be changed before, or a step failed.
    #[error("{0}")]
    Reason(String),
    /// The journal cannot be written.
    #[error(transparent)]
    Journal(Error),
}

/// Changes the resources whose addresses match `targets`, which are patterns, and nothing else: not what they depend
/// on, and not what differs from the state without the configuration. Only steps for which `may` is true are carried
/// out; if another one would be necessary, nothing is done.
///
/// # Errors
/// [`PartialUpError`].
pub(crate) async fn partial_up(
    workspace: &Workspace,
    context: &Context,
    targets: Vec<String>,
    may: impl Fn(&Step) -> bool,
) -> Result<(), PartialUpError> {
    let selection = Selection { targets, ..Selection::default() };
    let state = context.journal.read(Clone::clone);
    let plan = build_plan_beside_policies(workspace, &state, &selection, None);
    let mut plan = plan.map_err(|error| PartialUpError::Reason(with_causes(&error)))?;
    // A step without a change would still correct what somebody has changed, without being asked.
    plan.keep(|step| selection.targets(&step.address) && step.action != Action::NoOp);
    if let Some(step) = plan.steps.iter().find(|step| !may(step)) {
        let (address, action) = (&step.address, step.action.verb());
        let reason = format!("{address} is not as configured (the plan says `{action}`); run `up`");
        return Err(PartialUpError::Reason(reason));
    }
    if plan.steps.is_empty() {
        return Ok(());
    }
    let report = on_heap(|| engine::up(context, plan)).await.map_err(|error| PartialUpError::Journal(error.into()))?;
    if report.outcome == Outcome::Done {
        return Ok(());
    }
    let reasons = report.failures.iter().map(|one| format!("{}: {}", one.address, describe(&one.error)));
    let reasons = reasons.collect::<Vec<_>>().join("; ");
    Err(PartialUpError::Reason(if reasons.is_empty() { "the run was stopped".to_owned() } else { reasons }))
}
