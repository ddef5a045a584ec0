//! The end of a migration.

use infra_config::Side;
use infra_core::state::State;
use infra_migration::cutover::PersistedCutover;
use infra_migration::switchover::{After, AwsOperations, Removed, SwitchoverRecord};
use infra_switchover::sql::OldGuard;

use crate::refusal::MigrationRefusal;
use crate::switchover_record::read_record;

/// Returns the last switchover, if the migration can be finished now: the data has moved to the target, or there and
/// back.
///
/// # Errors
/// [`MigrationRefusal::NothingToFinish`], [`MigrationRefusal::SwitchoverInProgress`],
/// [`MigrationRefusal::CutoverInProgress`], [`MigrationRefusal::UnreadableRecord`].
pub fn check_finish(state: &State) -> Result<SwitchoverRecord, MigrationRefusal> {
    let record = read_record(state)?.ok_or(MigrationRefusal::NothingToFinish)?;
    if record.is_under_way() {
        return Err(MigrationRefusal::SwitchoverInProgress { direction: record.progress.direction });
    }
    if let Some(cutover) = PersistedCutover::of(state)?.filter(PersistedCutover::is_under_way) {
        return Err(MigrationRefusal::CutoverInProgress { live: cutover.progress.live });
    }
    let has_moved = record.primary() == Side::Target || record.after != After::Nothing || record.is_unsettled();
    if has_moved { Ok(record) } else { Err(MigrationRefusal::NothingToFinish) }
}

/// What is requested of a finish.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FinishRequest {
    /// Further replication slots of the migration.
    pub slots: Vec<String>,
    /// Whether the old database accepts writes of the service again.
    pub remove_guard: bool,
}

/// Finishes the migration: all replications are stopped, and nothing of them is left in the databases. It can be
/// repeated.
///
/// # Errors
/// [`MigrationRefusal::NotFinished`], or what [`check_finish`] refuses.
pub async fn finish(operations: &AwsOperations<'_>, request: &FinishRequest) -> Result<Removed, MigrationRefusal> {
    let mut record = operations.context.journal.read(check_finish)?;
    let old_guard = if request.remove_guard { OldGuard::Remove } else { OldGuard::Keep };
    let removed = operations.finish(&mut record, &request.slots, old_guard).await;
    removed.map_err(|failure| MigrationRefusal::NotFinished { reason: failure.to_string() })
}
