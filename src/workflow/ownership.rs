//! Whether the resources that a migration changes outside of a plan belong to this stack.

use std::time::Duration;

use infra_core::engine::{Context, foreign};
use infra_core::resource::{Spec as _, describe};
use infra_kinds::autoscaling::ScalableTarget;
use infra_kinds::dms::ReplicationTask;
use infra_kinds::ecs::Service;
use infra_kinds::elbv2::{Fence, ForwardRule};
use infra_kinds::route53::{CalculatedHealthCheck, HealthCheck, WeightedRecord};
use infra_kinds::secretsmanager::Secret;

use crate::refusal::StateRefusal;

/// How long an emergency waits for each answer.
const EMERGENCY_PATIENCE: Duration = Duration::from_secs(3);

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

/// Returns the kinds that a command changes without reading each resource first, as a step of a plan does, and how long
/// it waits for each answer. The emergency switch writes a metric of its own, and nothing else.
fn changed(command: &str) -> (&'static [&'static str], Option<Duration>) {
    match command {
        "traffic emergency" => (&[], None),
        "traffic rollback" => (&[WeightedRecord::KIND], Some(EMERGENCY_PATIENCE)),
        _ if ["replication ", "traffic ", "cutover"].iter().any(|commands| command.starts_with(commands)) => {
            (CHANGED, None)
        }
        _ => (&[], None),
    }
}

/// Refuses a state with entries of another stack that the command would change. A resource that cannot be read at the
/// moment, that is gone, or that has lost its tags does not stop a migration.
///
/// # Errors
/// [`StateRefusal::ForeignEntry`].
pub(crate) async fn verify(context: &Context, command: &str) -> Result<(), StateRefusal> {
    let (kinds, limit) = changed(command);
    let addresses = context.journal.read(|state| {
        let changed = state.resources.iter().filter(|(_, entry)| kinds.contains(&entry.kind.as_str()));
        changed.map(|(address, _)| address.clone()).collect()
    });
    match foreign(context, &addresses, limit).await.into_iter().next() {
        None => Ok(()),
        Some((address, error)) => Err(StateRefusal::ForeignEntry { address, why: describe(&error) }),
    }
}
