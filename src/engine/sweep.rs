//! After a `down`: does AWS still list anything with this stack's tags?
//!
//! AWS's listing by tag lags behind deletions and keeps showing some deleted things for an hour. So what this run deleted is
//! looked at once more by its kind, and only what is really there counts.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_resourcegroupstagging::types::TagFilter;
use serde::Serialize;

use super::run::Context;
use super::step::{StepLog, cx};
use crate::address::{Address, Region};
use crate::aws::{AwsError, Class, OWNER_ADDRESS, OWNER_STACK};
use crate::plan::Plan;
use crate::resource::{Observed, kind};
use crate::state::Op;

/// Something that carries this stack's tags and is not in its state.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Leftover {
    /// Its ARN.
    pub arn: String,
    /// The address in its tags.
    pub address: Address,
    /// The region that lists it.
    pub region: Region,
}

/// Returns what carries this stack's tags in `regions` and is not in the state. `done` is the plan that has been carried out.
///
/// # Errors
/// When AWS does not list; nothing is known then.
pub async fn leftovers(context: &Context, regions: &BTreeSet<Region>, done: &Plan) -> Result<Vec<Leftover>, AwsError> {
    let mut found = Vec::new();
    for region in regions {
        for leftover in listed(context, region).await? {
            let in_state = context.journal.read(|state| state.get(&leftover.address).is_some());
            if !in_state && exists(context, done, &leftover).await {
                found.push(leftover);
            }
        }
    }
    Ok(found)
}

async fn listed(context: &Context, region: &Region) -> Result<Vec<Leftover>, AwsError> {
    const CALL: &str = "tag:GetResources";
    let (clients, budgets) = context.cloud.clients(region);
    let ours = TagFilter::builder().key(OWNER_STACK).values(&context.stack).build();
    let mut found = Vec::new();
    let mut token: Option<String> = None;
    loop {
        budgets.acquire("tag", Class::Read).await;
        context.meter.count(CALL, false);
        let page = clients.tagging.get_resources().tag_filters(ours.clone()).set_pagination_token(token).send().await;
        let page = page.map_err(|error| AwsError::of(CALL, &error))?;
        for mapping in page.resource_tag_mapping_list() {
            let address = mapping.tags().iter().find(|tag| tag.key() == OWNER_ADDRESS).map(|tag| Address::new(tag.value()));
            if let (Some(arn), Some(address)) = (mapping.resource_arn(), address) {
                found.push(Leftover { arn: arn.to_owned(), address, region: region.clone() });
            }
        }
        token = page.pagination_token().filter(|token| !token.is_empty()).map(str::to_owned);
        if token.is_none() {
            return Ok(found);
        }
    }
}

/// Looks once more at what the run has deleted. What the run knew nothing of is believed to exist.
async fn exists(context: &Context, done: &Plan, leftover: &Leftover) -> bool {
    let Some(step) = done.steps.iter().find(|step| step.address == leftover.address) else { return true };
    let Some(kind) = kind(&step.kind) else { return true };
    let log = Arc::new(StepLog::new(&context.journal, Op::Delete, step, &step.spec, Vec::new(), ""));
    let cx = cx(context, step, "", log);
    match kind.observe(&cx, &step.spec, None).await {
        Ok(Observed::Absent) => false,
        // A secret in its recovery window is on its way out, as the configuration asks.
        Ok(Observed::Ours(attrs)) => attrs.get("leaving").and_then(serde_json::Value::as_bool) != Some(true),
        _ => true,
    }
}
