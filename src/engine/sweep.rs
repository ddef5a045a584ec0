//! After a `down`: does AWS still list anything with this stack's tags that is really there?

use std::collections::BTreeSet;

use super::run::Context;
use crate::address::Region;
use crate::aws::{AwsError, Tagged, tagged};
use crate::resources::lingering;

/// Returns what carries this stack's tags in `regions`, exists, and is not in the state.
///
/// # Errors
/// When AWS does not list; nothing is known then.
pub async fn leftovers(context: &Context, regions: &BTreeSet<Region>) -> Result<Vec<Tagged>, AwsError> {
    let mut found = Vec::new();
    for region in regions {
        let (clients, _) = context.cloud.clients(region);
        for thing in tagged(&context.cloud, &context.meter, region, &context.stack).await? {
            let in_state = context.journal.read(|state| state.get(&thing.address).is_some());
            if !in_state && !lingering::is_gone(&clients, &thing.arn).await {
                found.push(thing);
            }
        }
    }
    Ok(found)
}
