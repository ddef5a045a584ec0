//! After a `down`: searches for existing resources that still have the tags of this stack.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::run::Context;
use super::step::{StepLog, cx};
use crate::plan::{Plan, Step};
use crate::resource::Observed;
use crate::state::Op;
use infra_aws::{AwsError, Tagged, tagged};
use infra_base::address::{Address, Location};

/// Returns the existing resources in `locations` that have the tags of this stack, but are not in the state. `done` is
/// the executed plan: the resources that it deleted are read again, because the listing of AWS lags.
///
/// # Errors
/// AWS does not return the listing.
pub async fn orphans(context: &Context, locations: &BTreeSet<Location>, done: &Plan) -> Result<Vec<Tagged>, AwsError> {
    let deleted: BTreeMap<&Address, &Step> = done.steps.iter().map(|step| (&step.address, step)).collect();
    let mut found = Vec::new();
    for location in locations {
        let (clients, _) = context.cloud.clients(location);
        for resource in tagged(&context.cloud, &context.calls, location, &context.stack).await? {
            let is_known = context.journal.read(|state| state.has_tagged(&resource.address));
            if !is_known
                && !is_absent(context, deleted.get(&resource.address).copied()).await
                && !context.kinds.is_tombstone(&clients, &resource.arn).await
            {
                found.push(resource);
            }
        }
    }
    Ok(found)
}

async fn is_absent(context: &Context, step: Option<&Step>) -> bool {
    let Some(step) = step else { return false };
    let Some(kind) = step.handler else { return false };
    let log = Arc::new(StepLog::new(&context.journal, Op::Delete, step, &step.spec, Vec::new(), ""));
    matches!(kind.observe(&cx(context, step, "", log), &step.spec, None).await, Ok(Observed::Absent))
}
