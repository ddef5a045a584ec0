//! Which part of a migration is next: steps that shift traffic, or the switchover that moves the data; and what carries
//! it out.

use infra_base::address::Address;
use infra_base::on_heap::on_heap;
use infra_config::{Config, Side, Strategy};
use infra_connect::Endpoint;
use infra_core::engine::{Context, ReadContext};
use infra_core::events::Event;
use infra_core::plan::{Action, Step as PlanStep};
use infra_core::resource::describe;
use infra_core::state::State;
use infra_kinds::autoscaling::scale_in::ScaleIn;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{Hooks, Outcome as StepsOutcome, PersistedCutover};
use infra_migration::scale_in;
use infra_migration::serving::database_side;
use infra_migration::switchover::{
    AwsOperations, Databases, Readiness, SwitchoverRecord, SwitchoverSettings, close_target, drive, open_target,
};
use infra_migration::topology::{Replication, Topology};
use infra_payment::stack::{RoutingPart, routing_part};
use infra_switchover::machine::{Outcome, Reason, Step};
use infra_switchover::{AbortSignal, Direction, Failure};

use crate::cutover::record_way_back;
use crate::databases::{FromSecrets, Given};
use crate::error::Error;
use crate::partial_up::{PartialUpError, partial_up};
use crate::refusal::MigrationRefusal;
use crate::switchover_record::{primary_of, read_record};
use crate::traffic::{location, record_name};
use crate::workspace::Workspace;

/// The records of the routing, and the checks that they follow.
const ROUTING_PATTERN: &str = "routing/dns/*";

/// Which part of a migration is next.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// Steps that shift traffic, and nothing else: no database moves, or an earlier version has begun it.
    Steps,
    /// Steps that shift traffic, while both services use the source database. The switchover follows.
    StepsThenSwitchover,
    /// The switchover: a new one, or one that is resumed.
    Switchover(Box<SwitchoverRecord>),
    /// What follows a completed switchover.
    Settle(Box<SwitchoverRecord>),
    /// The database of the target is the primary.
    Moved,
    /// The migration is finished.
    Finished,
}

/// Returns which part of the migration is next.
///
/// # Errors
/// The state or AWS cannot be read.
pub async fn stage(config: &Config, state: &State, context: &ReadContext) -> Result<Stage, Error> {
    let record = read_record(state)?;
    if let Some(record) = record.as_ref().filter(|record| record.is_under_way()) {
        return Ok(Stage::Switchover(Box::new(record.clone())));
    }
    if let Some(record) = record.as_ref().filter(|record| record.is_unsettled()) {
        return Ok(Stage::Settle(Box::new(record.clone())));
    }
    if let Some(record) = record.as_ref().filter(|record| record.primary() == Side::Target) {
        return Ok(if record.is_finished() { Stage::Finished } else { Stage::Moved });
    }
    let new = Stage::Switchover(Box::new(SwitchoverRecord::new(Direction::FORWARD, record.as_ref())));
    match config.strategy() {
        None | Some(Strategy::ReadOnly) => Ok(Stage::Steps),
        Some(Strategy::AtOnce) => Ok(new),
        Some(Strategy::ComputeFirst) => {
            let live = state.migration.live.and_then(TrafficSplit::new).unwrap_or(TrafficSplit::SOURCE);
            let is_open = target_uses_source(&Topology::of(state), context).await?;
            if live != TrafficSplit::SOURCE && !is_open {
                return Ok(Stage::Steps);
            }
            let last = PersistedCutover::of(state).map_err(MigrationRefusal::from)?;
            let steps = last.and_then(|cutover| cutover.progress.outcome().cloned());
            let are_done = live == TrafficSplit::TARGET && steps == Some(StepsOutcome::Completed);
            Ok(if are_done && is_open { new } else { Stage::StepsThenSwitchover })
        }
    }
}

/// Returns whether the service of the target uses the source database.
///
/// # Errors
/// AWS cannot be read.
pub async fn target_uses_source(topology: &Topology, context: &ReadContext) -> Result<bool, MigrationRefusal> {
    let Some(target) = topology.service(Side::Target) else { return Ok(false) };
    let side = database_side(context, target).await;
    let side = side.map_err(|error| MigrationRefusal::UnreadableService { reason: describe(&error) })?;
    Ok(side == Some(Side::Source))
}

/// What must be done before a shift.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BeforeShift {
    /// Nothing.
    Nothing,
    /// [`open`]: no client has reached the target yet.
    Open,
}

/// Refuses to send traffic to a side whose service does not use the primary, or while a switchover is under way.
/// Returns what must be done before the shift.
///
/// # Errors
/// [`MigrationRefusal::SwitchoverInProgress`], [`MigrationRefusal::NotThePrimary`], [`MigrationRefusal::DataMoved`].
pub async fn before_shift(
    config: &Config,
    state: &State,
    context: &ReadContext,
    from: Option<TrafficSplit>,
    to: TrafficSplit,
) -> Result<BeforeShift, MigrationRefusal> {
    if let Some(record) = read_record(state)?.filter(SwitchoverRecord::is_under_way) {
        return Err(MigrationRefusal::SwitchoverInProgress { direction: record.progress.direction });
    }
    if primary_of(state)? == Side::Target {
        return if to.gains(Side::Source, from) { Err(MigrationRefusal::DataMoved) } else { Ok(BeforeShift::Nothing) };
    }
    // An earlier version has begun a migration in which each side uses its own database: it can be completed.
    let has_begun = from.is_some_and(|from| from != TrafficSplit::SOURCE);
    match config.strategy() {
        _ if has_begun || !to.gains(Side::Target, from) => Ok(BeforeShift::Nothing),
        None | Some(Strategy::ReadOnly) => Ok(BeforeShift::Nothing),
        Some(Strategy::ComputeFirst) => {
            let is_open = target_uses_source(&Topology::of(state), context).await?;
            Ok(if is_open { BeforeShift::Nothing } else { BeforeShift::Open })
        }
        Some(strategy @ Strategy::AtOnce) => {
            Err(MigrationRefusal::NotThePrimary { side: Side::Target, primary: Side::Source, strategy })
        }
    }
}

/// Refuses to open the fence of a side whose database is not the primary, after or during a switchover.
///
/// # Errors
/// [`MigrationRefusal::SwitchoverInProgress`], [`MigrationRefusal::NotThePrimary`].
pub fn check_unfence(config: &Config, state: &State, side: Side) -> Result<(), MigrationRefusal> {
    let Some(record) = read_record(state)? else { return Ok(()) };
    if record.is_under_way() {
        return Err(MigrationRefusal::SwitchoverInProgress { direction: record.progress.direction });
    }
    let primary = record.primary();
    // Before the first switchover, the service of the target can use the source database.
    if side == primary || record.progress.outcome() != Some(Outcome::Completed) {
        return Ok(());
    }
    Err(MigrationRefusal::NotThePrimary { side, primary, strategy: config.cutover.strategy })
}

/// Returns what carries out a switchover, in a session. `urls` are the source and the target, if the user has named
/// them.
///
/// # Errors
/// The state contains no records or no replication.
pub fn operations<'a>(
    workspace: &'a Workspace,
    context: &'a Context,
    urls: Option<[Endpoint; 2]>,
) -> Result<AwsOperations<'a>, MigrationRefusal> {
    let state = context.journal.read(Clone::clone);
    let topology = Topology::of(&state);
    let replication = topology.replications.iter().find(|one| one.replicates_changes());
    let replication = replication.ok_or(MigrationRefusal::NoReplication)?.clone();
    let databases = if workspace.databases.have_data() || urls.is_some() {
        let role = role(&topology, &replication)?;
        let from_secrets = || FromSecrets {
            workspace,
            context: context.read_context(),
            topology: topology.clone(),
            replication: replication.clone(),
        };
        let access: Box<dyn infra_migration::switchover::DatabaseAccess + 'a> = match urls {
            Some(urls) => Box::new(Given(urls)),
            None => Box::new(from_secrets()),
        };
        Databases::Sql { access, role }
    } else {
        Databases::Empty
    };
    Ok(AwsOperations {
        location: location(&state, &context.cloud, &workspace.config),
        context,
        record_name: record_name(workspace, &topology)?,
        databases,
        hooks: Hooks::of(&workspace.config.cutover, &workspace.directory()),
        settings: SwitchoverSettings::of(&workspace.config),
        last: SwitchoverRecord::last_completed(&state),
        topology,
    })
}

/// Returns the role that the service logs in with. It must be the same on both sides: the guards of both databases are
/// about it.
fn role(topology: &Topology, replication: &Replication) -> Result<String, MigrationRefusal> {
    let user = |secret: &Option<String>| topology.database_of(secret.as_deref()?)?.username.clone();
    match (user(&replication.secrets[0]), user(&replication.secrets[1])) {
        (Some(source), Some(target)) if source == target => Ok(source),
        (Some(source), Some(target)) => {
            let reason =
                format!("the service logs in as `{source}` in the source database and as `{target}` in the other");
            Err(MigrationRefusal::NotReady { reason })
        }
        _ => Err(MigrationRefusal::NoReplication),
    }
}

/// Suspends scale-in of both sides, or allows it again: as many tasks as served before must be ready.
async fn set_scale_in(operations: &AwsOperations<'_>, to: ScaleIn) -> Result<(), infra_core::resource::Error> {
    for service in &operations.topology.services {
        scale_in::set_position(operations.context, service, to).await?;
    }
    Ok(())
}

/// Allows scale-in of both sides again. A failure does not change how a switchover ends.
async fn allow_scale_in(operations: &AwsOperations<'_>) {
    if let Err(error) = set_scale_in(operations, ScaleIn::Allowed).await {
        let text = format!("scale-in stays suspended: {}", describe(&error));
        operations.context.events.send(Event::Notice { address: None, text });
    }
}

/// Refuses a migration whose databases cannot be reached, before anything is changed.
///
/// # Errors
/// [`MigrationRefusal::NoDatabaseAccess`].
async fn check_access(operations: &AwsOperations<'_>) -> Result<(), MigrationRefusal> {
    let reached = operations.databases.reach().await;
    reached.map_err(|reason| MigrationRefusal::NoDatabaseAccess { reason })
}

/// Adds tasks to the new side, and waits until they are healthy, an operator aborts, or the lock is lost. Row prepare
/// has the last word about tasks that are not healthy yet.
async fn await_capacity(
    operations: &AwsOperations<'_>,
    direction: Direction,
    mut abort: AbortSignal,
) -> Result<(), String> {
    tokio::select! {
        result = operations.await_capacity(direction) => match result {
            Ok(()) | Err(Failure::Inconclusive { .. }) => Ok(()),
            Err(failure) => Err(failure.to_string()),
        },
        _ = abort.requested() => Ok(()),
        () = operations.context.cancel.cancelled() => Ok(()),
    }
}

/// Makes the target ready for its first client: its database refuses writes, and its service uses the source database.
///
/// # Errors
/// [`MigrationRefusal::NoDatabaseAccess`], [`MigrationRefusal::NotReady`].
pub async fn open(
    workspace: &Workspace,
    operations: &AwsOperations<'_>,
    required: Readiness,
) -> Result<(), MigrationRefusal> {
    if required == Readiness::Required {
        check_access(operations).await?;
        // After a way back this may not have succeeded, and then the emergency switch would have no effect.
        let exchanged = on_heap(|| exchange_roles(workspace, operations.context)).await;
        exchanged.map_err(|error| MigrationRefusal::NotReady {
            reason: format!("the record of the target does not follow the emergency switch: {error}"),
        })?;
    }
    let opened = open_target(operations, required).await;
    opened.map_err(|failure| MigrationRefusal::NotReady { reason: failure.to_string() })
}

/// How a switchover ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Ended {
    /// Its record.
    pub record: SwitchoverRecord,
    /// How.
    pub outcome: Outcome,
    /// The reasons why something did not continue as planned.
    pub reasons: Vec<String>,
}

impl Ended {
    /// Returns how a switchover ended; nothing if it has not.
    pub fn of(record: SwitchoverRecord) -> Option<Self> {
        let outcome = record.progress.outcome()?;
        let reason = |reason: &Reason| match reason.during {
            Some(Step::Row(row)) => format!("{row}: {}", reason.why),
            Some(Step::Undo(undo)) => format!("{undo}: {}", reason.why),
            None => reason.why.clone(),
        };
        let reasons = record.progress.reasons.iter().map(reason).collect();
        Some(Self { record, outcome, reasons })
    }
}

/// Completes what follows a completed switchover. The inner error is why that is not possible yet.
async fn settle(
    workspace: &Workspace,
    operations: &AwsOperations<'_>,
    record: &mut SwitchoverRecord,
) -> Result<Result<(), Failure>, Error> {
    if !record.is_unsettled() {
        return Ok(Ok(()));
    }
    if record.progress.direction != Direction::FORWARD {
        on_heap(|| record_way_back(workspace, operations.context)).await?;
    }
    let settled = on_heap(|| operations.settle(record)).await;
    // Whatever the databases say: the record of the new primary must keep the traffic.
    if let Err(error) = on_heap(|| exchange_roles(workspace, operations.context)).await {
        let text = format!("the records of the routing have not changed roles: {error}; `up` does it");
        operations.context.events.send(Event::Notice { address: None, text });
    }
    Ok(match settled {
        Ok(()) => operations.end_settling(record).await,
        failed => failed,
    })
}

/// Lets the record of the new primary keep the traffic, and the other record follow the emergency switch, off.
async fn exchange_roles(workspace: &Workspace, context: &Context) -> Result<(), PartialUpError> {
    let is_routing = |address: &Address| address.matches(ROUTING_PATTERN);
    let is_necessary =
        context.journal.read(|state| state.migration.switchover.is_some() && state.resources.keys().any(is_routing));
    if !is_necessary {
        return Ok(());
    }
    partial_up(workspace, context, vec![ROUTING_PATTERN.to_owned()], is_exchange).await
}

/// Returns whether a step is a part of the exchange: a record changes in place, or a check that decides about a record
/// comes or goes.
fn is_exchange(step: &PlanStep) -> bool {
    let is_in_place = matches!(step.action, Action::Update { .. } | Action::Resume { .. });
    match routing_part(&step.address) {
        Some(RoutingPart::Record) => is_in_place,
        Some(RoutingPart::Switched) => is_in_place || matches!(step.action, Action::Create | Action::Delete),
        None => false,
    }
}

/// Completes what follows the last switchover before another one begins: the way back needs the fallback that it
/// starts.
async fn settle_last(workspace: &Workspace, operations: &AwsOperations<'_>) -> Result<(), Error> {
    let last = operations.context.journal.read(read_record)?;
    let Some(mut last) = last else { return Ok(()) };
    settle(workspace, operations, &mut last).await?.map_err(|failure| {
        let direction = last.progress.direction;
        let reason = format!("what follows the switchover {direction} is not done yet: {failure}");
        MigrationRefusal::NotReady { reason }.into()
    })
}

/// Carries out a switchover to its end, and what follows it.
///
/// # Errors
/// [`MigrationRefusal::NoDatabaseAccess`], [`MigrationRefusal::SwitchoverStopped`], or after a way back
/// [`MigrationRefusal::NotReleased`].
pub async fn switch_over(
    workspace: &Workspace,
    operations: &AwsOperations<'_>,
    record: SwitchoverRecord,
    abort: AbortSignal,
) -> Result<Ended, Error> {
    let direction = record.progress.direction;
    if !record.has_begun() {
        check_access(operations).await?;
        on_heap(|| settle_last(workspace, operations)).await?;
        // Without steps before it, nothing has closed the database of the target yet.
        if direction == Direction::FORWARD {
            let closed = close_target(operations).await;
            closed.map_err(|failure| MigrationRefusal::NotReady { reason: failure.to_string() })?;
        }
    }
    if let Err(error) = set_scale_in(operations, ScaleIn::Suspended).await {
        let text = format!("scale-in cannot be suspended: {}", describe(&error));
        operations.context.events.send(Event::Notice { address: None, text });
    }
    if !record.has_begun()
        && let Err(reason) = await_capacity(operations, direction, abort.clone()).await
    {
        allow_scale_in(operations).await;
        return Err(MigrationRefusal::NotReady { reason }.into());
    }
    let ended = on_heap(|| drive(operations, &operations.settings, record, abort)).await;
    let stopped = |reason: String| MigrationRefusal::SwitchoverStopped { direction, reason };
    let mut record = ended.map_err(|error| stopped(error.0.to_string()))?;
    allow_scale_in(operations).await;
    let mut late = Vec::new();
    if let Err(failure) = on_heap(|| settle(workspace, operations, &mut record)).await? {
        let from = direction.from();
        late.push(format!("changes are not replicated to the {from} yet, and a slot keeps them: {failure}"));
    }
    let mut ended = Ended::of(record).ok_or_else(|| stopped("it has no end".to_owned()))?;
    ended.reasons.extend(late);
    Ok(ended)
}
