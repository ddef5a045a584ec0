//! Searches for existing resources that have the tags of this stack, and that its state does not have.

use std::collections::BTreeSet;

use futures::StreamExt;

use super::run::Context;
use crate::resource::Repeat;
use crate::state::{Entry, State};
use infra_aws::{AwsError, Tagged, tagged};
use infra_base::address::Location;

/// How many resources are read at the same time.
const READS_AT_ONCE: usize = 8;

/// Returns the existing resources in `locations` that have the tags of this stack, but are not in the state. The kind
/// of each one is asked whether it exists, because the listing by tags shows deleted resources for hours
/// (aws/aws-sdk#676, boto/boto3#3341).
///
/// # Errors
/// AWS does not return the listing.
pub async fn orphans(context: &Context, locations: &BTreeSet<Location>) -> Result<Vec<Tagged>, AwsError> {
    let mut listed = Vec::new();
    for location in locations {
        listed.extend(tagged(&context.cloud, &context.calls, location, &context.stack).await?);
    }
    listed.retain(|resource| !context.journal.read(|state| is_known(context, state, resource)));
    let existing = futures::stream::iter(listed).map(|resource| async {
        let exists = exists(context, &resource).await;
        exists.then_some(resource)
    });
    Ok(existing.buffered(READS_AT_ONCE).filter_map(std::future::ready).collect().await)
}

/// Returns whether the state has the resource. Where a repeated creation can make a second resource, it must have this
/// one.
fn is_known(context: &Context, state: &State, resource: &Tagged) -> bool {
    let can_repeat = |kind: &str| context.kinds.schema(kind).repeat == Some(Repeat::Tags);
    let is_other = |id: &str| !resource.arn.as_str().ends_with(id);
    // The listing of us-east-1 contains what belongs to no region.
    let is_there = |entry: &&Entry| entry.account == resource.location.account;
    let mut entries = state.tagged(&resource.address).filter(is_there).peekable();
    entries.peek().is_some()
        && !entries.all(|entry| {
            let id = || Some(context.kinds.get(&entry.kind)?.id(entry.attrs.as_ref()?));
            can_repeat(&entry.kind) && id().is_some_and(|id| is_other(&id))
        })
}

/// Asks the kind. A resource that cannot be read, or of a kind that this version does not have, counts as existing.
async fn exists(context: &Context, resource: &Tagged) -> bool {
    let Some(kind) = context.kinds.of_arn(&resource.arn) else { return true };
    let reader = context.read_context().reader(&resource.address, &resource.location);
    kind.get().exists(&reader, &resource.arn).await.unwrap_or(true)
}
