//! After a `down`: does AWS still list anything with this stack's tags that is really there?

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::run::Context;
use super::step::{StepLog, cx};
use crate::address::{Address, Region};
use crate::aws::{AwsError, Tagged, tagged};
use crate::plan::{Plan, Step};
use crate::resource::{Observed, kind};
use crate::resources::lingering;
use crate::state::Op;

/// Returns what carries this stack's tags in `regions`, exists, and is not in the state. `done` is the plan that has been
/// carried out: what it deleted is looked at once more by its kind, because AWS's listing lags behind.
///
/// # Errors
/// When AWS does not list; nothing is known then.
pub async fn leftovers(context: &Context, regions: &BTreeSet<Region>, done: &Plan) -> Result<Vec<Tagged>, AwsError> {
    let deleted: BTreeMap<&Address, &Step> = done.steps.iter().map(|step| (&step.address, step)).collect();
    let mut found = Vec::new();
    for region in regions {
        let (clients, _) = context.cloud.clients(region);
        for thing in tagged(&context.cloud, &context.meter, region, &context.stack).await? {
            let is_known = context.journal.read(|state| state.knows_tagged_as(&thing.address));
            if !is_known && !seen_gone(context, deleted.get(&thing.address).copied()).await && !lingering::is_gone(&clients, &thing.arn).await {
                found.push(thing);
            }
        }
    }
    Ok(found)
}

async fn seen_gone(context: &Context, step: Option<&Step>) -> bool {
    let Some(step) = step else { return false };
    let Some(kind) = kind(&step.kind) else { return false };
    let log = Arc::new(StepLog::new(&context.journal, Op::Delete, step, &step.spec, Vec::new(), ""));
    matches!(kind.observe(&cx(context, step, "", log), &step.spec, None).await, Ok(Observed::Absent))
}
