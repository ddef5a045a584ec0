//! What only AWS can say of resources that do not exist yet, asked before a run creates the first one.

use std::collections::HashSet;
use std::sync::Arc;

use futures::StreamExt;

use super::operation::NoLog;
use super::run::{Failure, ReadContext};
use super::target::Target;
use crate::plan::{Action, Plan, Step};
use crate::resource::{Error, ListCache, Observed, Repeat, StepContext, describe};
use crate::state::State;

/// Asks the kind of each resource that the plan creates. Returns the resources that cannot be created; of several with
/// the same reason, the first.
pub async fn preflight(reads: &ReadContext, state: &State, plan: &Plan) -> Vec<Failure> {
    let lists = Arc::new(ListCache::default());
    let mut checks = Vec::new();
    for step in created(plan) {
        let cx = cx(reads, state, &lists, step);
        checks.push(async move {
            let checked = match step.handler {
                Some(kind) => kind.preflight(&cx, &step.spec).await,
                None => Ok(()),
            };
            checked.err().map(|error| (step, error))
        });
    }
    let answers: Vec<_> = futures::stream::iter(checks).buffered(reads.parallelism.max(1)).collect().await;
    let mut known = HashSet::new();
    let failed = answers.into_iter().flatten().filter(|(step, error)| {
        let is_stop = matches!(error, Error::Cancelled);
        !is_stop && known.insert((step.kind.clone(), describe(error)))
    });
    failed.map(|(step, error)| failure(step, error)).collect()
}

/// Returns the resources that the plan creates and whose names somebody else's resources have. A name that follows from
/// a resource that does not exist yet cannot be looked up.
pub async fn taken_names(reads: &ReadContext, state: &State, plan: &Plan) -> Vec<Failure> {
    let lists = Arc::new(ListCache::default());
    let mut looks = Vec::new();
    for step in created(plan).filter(|step| matches!(step.action, Action::Create)) {
        let Some(kind) = step.handler.filter(|kind| kind.get().schema().repeat == Some(Repeat::Name)) else { continue };
        let cx = cx(reads, state, &lists, step);
        looks.push(async move {
            match kind.observe(&cx, &step.spec, None).await {
                Ok(Observed::Foreign { id, owner }) => Some((step, Error::Foreign { id, owner })),
                // What cannot be read shows when it is created.
                Ok(_) | Err(_) => None,
            }
        });
    }
    let answers: Vec<_> = futures::stream::iter(looks).buffered(reads.parallelism.max(1)).collect().await;
    answers.into_iter().flatten().map(|(step, error)| failure(step, error)).collect()
}

fn created(plan: &Plan) -> impl Iterator<Item = &Step> {
    plan.steps.iter().filter(|step| step.action.creates())
}

fn cx(reads: &ReadContext, state: &State, lists: &Arc<ListCache>, step: &Step) -> StepContext {
    let subject = Target { address: &step.address, location: &step.location(), tags: &step.tags, token: "" };
    let cx = reads.cx(state, &subject, Arc::new(NoLog));
    StepContext { dry_run: true, list_cache: Some(Arc::clone(lists)), ..cx }
}

fn failure(step: &Step, error: Error) -> Failure {
    Failure { address: step.address.clone(), action: step.action.verb(), id: None, region: step.region.clone(), error }
}
