//! Whether the resources that a migration changes outside of a plan belong to this stack.

use std::time::Duration;

use infra_aws::Need;
use infra_core::engine::{Context, foreign};
use infra_core::resource::{Spec as _, describe};
use infra_kinds::autoscaling::ScalableTarget;
use infra_kinds::dms::ReplicationTask;
use infra_kinds::ecs::Service;
use infra_kinds::elbv2::{Fence, ForwardRule};
use infra_kinds::route53::{CalculatedHealthCheck, HealthCheck, WeightedRecord};
use infra_kinds::secretsmanager::Secret;

use crate::refusal::StateRefusal;

/// How long an emergency waits for the answers.
const EMERGENCY_PATIENCE: Duration = Duration::from_secs(5);

/// The kinds that the commands of a migration change: tasks, the secrets that they hold, services and their numbers of
/// tasks, records, their checks, and fences.
const CHANGED: &[&str] = &[
    ReplicationTask::KIND,
    Secret::KIND,
    Service::KIND,
    ScalableTarget::KIND,
    Fence::KIND,
    ForwardRule::KIND,
    WeightedRecord::KIND,
    CalculatedHealthCheck::KIND,
    HealthCheck::KIND,
];

/// Refuses a state with entries of somebody else. A resource that cannot be read at the moment does not stop a
/// migration, and an emergency waits for a few seconds only.
///
/// # Errors
/// [`StateRefusal::ForeignEntry`].
pub(crate) async fn verify(context: &Context, need: Need) -> Result<(), StateRefusal> {
    let is_changed = |kind: &str| CHANGED.contains(&kind);
    let addresses = context.journal.read(|state| {
        let changed = state.resources.iter().filter(|(_, entry)| is_changed(&entry.kind));
        changed.map(|(address, _)| address.clone()).collect()
    });
    let found = match need {
        Need::Everything => foreign(context, &addresses).await,
        Need::Only(_) => {
            tokio::time::timeout(EMERGENCY_PATIENCE, foreign(context, &addresses)).await.unwrap_or_default()
        }
    };
    match found.into_iter().next() {
        None => Ok(()),
        Some((address, error)) => Err(StateRefusal::ForeignEntry { address, why: describe(&error) }),
    }
}
