//! What must be true before the first client reaches the target: only one database takes writes, and the target's
//! service uses it.

use std::time::Duration;

use infra_config::Side;
use infra_switchover::{Direction, Failure};

use super::databases::OWN;
use super::operations::{AwsOperations, HEALTHY_WITHIN, LOOK};
use crate::serving::{database_side, health, use_database_of};
use crate::topology::Service;
use infra_core::resource::describe;
use infra_database::guard;
use infra_kinds::elbv2::fence_position::FencePosition;

/// Whether the target must be ready.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its database refuses writes of the service, and a task that uses the source database is healthy.
    Required,
    /// What is missing is only reported. Its service uses the source database in any case.
    Ignored,
}

/// How often the change of the database that a service uses is read back.
const READS_BACK: u32 = 6;

/// Makes the database of the target refuse writes of the service, and the service of the target use the database of the
/// source. Call it before the first step, while no client reaches the target. It can be repeated.
///
/// # Errors
/// The databases cannot be reached, or no task of the target that uses the source database is healthy, if that is
/// required.
pub async fn open_target(operations: &AwsOperations<'_>, required: Readiness) -> Result<(), Failure> {
    let failed = |error: infra_core::resource::Error| Failure::with_unknown_effect(describe(&error));
    match close_target(operations).await {
        Err(failure) if required == Readiness::Required => return Err(failure),
        Err(failure) => {
            let text = format!("the target database still accepts writes: {failure}");
            operations.notice(text);
        }
        Ok(()) => {}
    }
    let target = operations.service(Side::Target)?;
    let read_context = operations.context.read_context();
    if required == Readiness::Required {
        must_be_healthy(operations, target).await?;
    }
    use_database_of(operations.context, target, Side::Source).await.map_err(failed)?;
    // After a migration that was moved back, the fence of the target is closed.
    operations.set_fence(Side::Target, FencePosition::Open).await?;
    // A read can be older than the change.
    for look in 0..READS_BACK {
        if look > 0 {
            operations.wait_for_aws(LOOK).await;
        }
        if database_side(&read_context, target).await.map_err(failed)? == Some(Side::Source) {
            return Ok(());
        }
    }
    Err(Failure::with_unknown_effect("the service of the target does not use the source database"))
}

/// Makes the database of the target refuse writes of the service, which must be true before a switchover to it. It can
/// be repeated.
///
/// # Errors
/// The databases cannot be reached, or sessions of the service do not end.
pub async fn close_target(operations: &AwsOperations<'_>) -> Result<(), Failure> {
    let Some(connected) = operations.databases.connect(Direction::FORWARD).await? else { return Ok(()) };
    let [_, target] = connected.databases();
    let report = guard::close(target, connected.service().role, OWN).await;
    let report = report.map_err(|error| Failure::from(infra_switchover::sql::Error::from(error)))?;
    if report.remaining.is_empty() {
        return Ok(());
    }
    Err(Failure::with_unknown_effect("sessions of the service in the target database do not end"))
}

/// Waits until a task of the target that uses the source database is healthy.
async fn must_be_healthy(operations: &AwsOperations<'_>, target: &Service) -> Result<(), Failure> {
    let read_context = operations.context.read_context();
    let mut waited = Duration::ZERO;
    loop {
        let health = health(&read_context, target, Side::Source).await;
        if health.map_err(|error| Failure::with_unknown_effect(describe(&error)))?.healthy > 0 {
            return Ok(());
        }
        if waited >= HEALTHY_WITHIN {
            let why = "no task of the target that uses the source database is healthy";
            return Err(Failure::with_unknown_effect(why));
        }
        operations.wait_for_aws(LOOK).await;
        waited += LOOK;
    }
}
