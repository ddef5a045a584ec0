//! What only AWS can say of resources that do not exist yet, asked before a run creates the first one.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;

use super::operation::NoLog;
use super::run::{Context, Failure};
use super::target::Target;
use crate::plan::{Action, Plan, Step};
use crate::resource::{Error, ListCache, StepContext, describe};

/// Asks the kind of each resource that the plan creates. Returns the resources that cannot be created; of several with
/// the same reason, the first.
pub(super) async fn preflight(context: &Context, plan: &Plan) -> Vec<Failure> {
    let lists = Arc::new(ListCache::default());
    let mut checks = Vec::new();
    for step in plan.steps.iter().filter(|step| matches!(step.action, Action::Create | Action::Replace { .. })) {
        let check = check(context, &lists, step);
        checks.push(async move { check.await.err().map(|error| (step, error)) });
    }
    let answers: Vec<_> = futures::stream::iter(checks).buffered(context.parallelism.max(1)).collect().await;
    let mut known = HashSet::new();
    let failed = answers.into_iter().flatten().filter(|(step, error)| {
        let is_stop = matches!(error, Error::Cancelled);
        !is_stop && known.insert((step.kind.clone(), describe(error)))
    });
    failed
        .map(|(step, error)| Failure {
            address: step.address.clone(),
            action: step.action.verb(),
            id: None,
            region: step.region.clone(),
            error,
        })
        .collect()
}

async fn check(context: &Context, lists: &Arc<ListCache>, step: &Step) -> Result<(), Error> {
    let Some(kind) = step.handler else { return Ok(()) };
    let subject = Target { address: &step.address, location: &step.location(), tags: &step.tags, token: "" };
    let reads = context.read_context();
    let cx = context.journal.read(|state| reads.cx(state, &subject, Arc::new(NoLog)));
    let cx = StepContext { dry_run: true, list_cache: Some(Arc::clone(lists)), ..cx };
    kind.preflight(&cx, &step.spec).await
}
