//! What must hold before a replication is started or stopped.

use infra_config::{Config, Side};
use infra_core::engine::{Context, ReadContext};
use infra_core::state::{Record, State};
use infra_kinds::dms::task_status::read_existing;
use infra_migration::TrafficSplit;
use infra_migration::cutover::PersistedCutover;
use infra_migration::replication::{StartOptions, is_reloading, refusal};
use infra_migration::switchover::{After, Carrier, SwitchoverRecord};
use infra_migration::topology::{Replication, Topology};

use crate::error::Error;
use crate::refusal::MigrationRefusal;
use crate::selection::Selection;
use crate::switchover_record::read_record;
use crate::workspace::Workspace;
use crate::{environments, traffic};

/// Returns the replications into the selected environments.
///
/// # Errors
/// An environment is unknown, or there is no replication.
pub fn select(config: &Config, state: &State, selection: &Selection) -> Result<Vec<Replication>, Error> {
    environments::check(selection, &environments::known(config, state))?;
    let is_selected = |one: &Replication| selection.includes(one.address.environment());
    let found: Vec<Replication> = Topology::of(state).replications.into_iter().filter(is_selected).collect();
    if found.is_empty() { Err(MigrationRefusal::NoReplication.into()) } else { Ok(found) }
}

/// Refuses to replicate into the primary, to load tables while a fallback replicates changes, and to resume what a
/// finish has ended.
fn check_primary(state: &State, reload: bool) -> Result<(), MigrationRefusal> {
    let Some(record) = read_record(state)? else { return Ok(()) };
    if record.is_under_way() {
        return Err(MigrationRefusal::SwitchoverInProgress { direction: record.progress.direction });
    }
    match (record.primary(), record.carrier_to_target()) {
        (Side::Target, _) => Err(MigrationRefusal::TargetIsPrimary),
        (Side::Source, Carrier::Fallback) if reload => Err(MigrationRefusal::FallbackReplicates),
        (Side::Source, Carrier::Load) if record.after == After::Finished && !reload => {
            Err(MigrationRefusal::MustReload)
        }
        (Side::Source, _) => Ok(()),
    }
}

/// Records that tables are loaded again after a finish: another migration begins.
///
/// # Errors
/// The last switchover cannot be read, or the journal cannot be written.
pub async fn record_reload(context: &Context) -> Result<(), Error> {
    let is_over = |record: SwitchoverRecord| record.after == After::Finished && record.primary() == Side::Source;
    if context.journal.read(read_record)?.is_some_and(is_over) {
        context.journal.write(vec![Record::Switchover { saved: None }]).await?;
    }
    Ok(())
}

/// Refuses to replace tables of a target that is in use, and to reload a running task. Returns the options with which
/// the tasks are started: under the lock, the same is checked again.
///
/// # Errors
/// [`MigrationRefusal::CannotLoad`], or the records cannot be read.
pub async fn check_start(
    workspace: &Workspace,
    context: &ReadContext,
    state: &State,
    replications: &[Replication],
    (reload, follow_load): (bool, bool),
) -> Result<StartOptions, MigrationRefusal> {
    check_primary(state, reload)?;
    let (live, cutover) = target_use(workspace, context, state).await?;
    let target_use = match cutover {
        _ if live != TrafficSplit::SOURCE => Some(format!("{live} of the traffic goes to the target")),
        Some(cutover) => Some(format!("a cutover can be resumed, at {}", cutover.progress.live)),
        None => None,
    };
    let options = StartOptions { reload, allow_full_load: target_use.is_none(), follow_load };
    for replication in replications {
        let reader = context.reader(&replication.address, &replication.location);
        // If DMS does not answer now, the start asks again.
        let Ok(standing) = read_existing(&reader, &replication.task).await else { continue };
        let reloading = is_reloading(state, replication)?;
        if let Some(reason) = refusal(&standing, &replication.migration_type, options, reloading) {
            let (address, reason) = (replication.address.clone(), reason.to_owned());
            return Err(MigrationRefusal::CannotLoad { address, reason, target_use });
        }
    }
    Ok(options)
}

/// Refuses to stop a replication during a cutover.
///
/// # Errors
/// [`MigrationRefusal::CutoverUsesReplication`], or the last cutover cannot be read.
pub fn check_no_cutover(state: &State) -> Result<(), MigrationRefusal> {
    match PersistedCutover::of(state)?.filter(PersistedCutover::is_under_way) {
        Some(cutover) => Err(MigrationRefusal::CutoverUsesReplication { live: cutover.progress.live }),
        None => Ok(()),
    }
}

/// Refuses to stop a replication while both environments receive traffic, or while a cutover can be resumed.
///
/// # Errors
/// [`MigrationRefusal::TargetWouldMissChanges`], or the records cannot be read.
pub async fn check_stop(workspace: &Workspace, context: &ReadContext, state: &State) -> Result<(), MigrationRefusal> {
    let (live, cutover) = target_use(workspace, context, state).await?;
    let is_shared = live != TrafficSplit::SOURCE && live != TrafficSplit::TARGET;
    if cutover.is_some() || is_shared { Err(MigrationRefusal::TargetWouldMissChanges { live }) } else { Ok(()) }
}

/// Returns the traffic to the target, and a cutover that can be resumed.
async fn target_use(
    workspace: &Workspace,
    context: &ReadContext,
    state: &State,
) -> Result<(TrafficSplit, Option<PersistedCutover>), MigrationRefusal> {
    let live = traffic::live_split(workspace, state, context).await?.unwrap_or(TrafficSplit::SOURCE);
    Ok((live, PersistedCutover::of(state)?.filter(PersistedCutover::can_resume)))
}
