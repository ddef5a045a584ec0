//! The steps of a migration without a person: what the commands do once they are confirmed. A rehearsal runs them.
//!
//! Each step can be repeated, also after it was killed: it resumes, or it finds that nothing is left to do.

use infra_base::causes::with_causes;
use infra_base::on_heap::on_heap;
use infra_compare::{Comparison, Options};
use infra_config::Side;
use infra_core::engine::{self, Context, Outcome as RunOutcome};
use infra_core::events::Events;
use infra_core::resource::describe;
use infra_core::state::State;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{Input, Operator, Outcome, PersistedCutover};
use infra_migration::replication::{self, StartOptions};
use infra_migration::rotation;
use infra_migration::shift;
use infra_migration::switchover::{Readiness, Removed, SwitchoverRecord};
use infra_migration::topology::{Replication, Topology};
use infra_migration::validation::record;
use infra_switchover::machine::Outcome as SwitchoverOutcome;
use infra_switchover::{Direction, abort_signal};
use tokio::sync::mpsc;

use crate::cutover::{driver, first_input, plan, record_manual_rollback, start};
use crate::databases::endpoints;
use crate::error::Error;
use crate::finish::FinishRequest;
use crate::identity::caller;
use crate::planning::{build_plan, refresh_in_session};
use crate::refusal::MigrationRefusal;
use crate::replication_start::{Procedure, StartRequest};
use crate::selection::{Request, Selection};
use crate::session::Session;
use crate::switchover::{self, Ended, Stage, operations, stage, switch_over};
use crate::switchover_record::{new_record, primary_of, read_record};
use crate::traffic::{location, record_name};
use crate::validation::{self, Beginning};
use crate::workspace::Workspace;
use crate::{finish, moved, preconditions};

/// Why a step did not reach its end.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    /// It was refused, or the state or AWS cannot be used.
    #[error(transparent)]
    Refused(Box<Error>),
    /// It failed.
    #[error("{step} failed: {reason}")]
    Failed {
        /// The command.
        step: &'static str,
        /// The reasons.
        reason: String,
    },
}

impl From<Error> for StepError {
    fn from(error: Error) -> Self {
        Self::Refused(Box::new(error))
    }
}

/// Creates or changes everything, as `up -y` does.
///
/// # Errors
/// A plan is not possible, or a step of it failed.
pub async fn up(workspace: &Workspace, events: Events) -> Result<(), StepError> {
    let request = Request { command: "up", selection: Selection::default() };
    let session = on_heap(|| Session::open(workspace, "up", events)).await?;
    let planned = async {
        let state = session.context.journal.read(Clone::clone);
        let drift = refresh_in_session(workspace, &state, &request.selection, &session.context).await?.drift;
        let plan = build_plan(workspace, &state, &request.selection, Some(&drift))?;
        preconditions::check(&workspace.config, &request, &plan, &state)?;
        moved::record(&session.context, &workspace.config).await?;
        Ok::<_, Error>(plan)
    };
    let plan = planned.await;
    let (session, plan) = session.or_close(plan).await?;
    let report = on_heap(|| engine::up(&session.context, plan)).await;
    session.close().await;
    let report = report.map_err(Error::from)?;
    match report.outcome {
        RunOutcome::Done => Ok(()),
        _ => {
            let reasons = report.failures.iter().map(|failure| format!("{}: {}", failure.address, failure.error));
            Err(StepError::Failed { step: "up", reason: reasons.collect::<Vec<_>>().join("; ") })
        }
    }
}

/// Starts or resumes all replications, phase by phase, as `replication start -y` does.
///
/// # Errors
/// A replication is refused or fails.
pub async fn start_replication(workspace: &Workspace, events: Events) -> Result<(), StepError> {
    let session = on_heap(|| Session::open(workspace, "replication start", events)).await?;
    let options = StartOptions { reload: false, allow_full_load: true, follow_load: true };
    let request = StartRequest { options, only: None, urls: None };
    let context = session.context.clone();
    let all = replications(&session);
    let held = rotation::hold(&context, &all).await;
    let held = held.map_err(|error| StepError::Failed { step: "replication start", reason: describe(&error) });
    let (session, ()) = session.or_close(held).await?;
    let procedure = Procedure::new(workspace, &context, &request);
    let results =
        futures::future::join_all(all.iter().map(|replication| on_heap(|| procedure.start(replication)))).await;
    drop(context);
    session.close().await;
    let failed = results.into_iter().filter_map(Result::err).map(|error| with_causes(&error));
    failure("replication start", failed)
}

/// Compares both databases, as `replication validate` does, and records that all rows are equal.
///
/// # Errors
/// A database cannot be reached or compared.
pub async fn validate(workspace: &Workspace, events: Events, limits: Options) -> Result<Vec<Comparison>, StepError> {
    const STEP: &str = "replication validate";
    let failed = |reason: String| StepError::Failed { step: STEP, reason };
    let state = workspace.read_usable_state().await?;
    let primary = primary_of(&state).map_err(Error::from)?;
    let context = workspace.connect_read_only().await?;
    let topology = Topology::of(&state);
    let (mut comparisons, mut equal) = (Vec::new(), Vec::new());
    for replication in topology.replications.iter().filter(|one| one.replicates_changes()) {
        let [source, target] = endpoints(workspace, &context, &topology, replication).await.map_err(failed)?;
        let environment = workspace.config.environment(replication.address.environment());
        let environment = environment.ok_or_else(|| failed("the environment is not configured".to_owned()))?;
        let options = validation::options(environment, &limits).map_err(|error| failed(error.to_string()))?;
        let beginning = Beginning::read(primary, &source, &target).await;
        let comparison = on_heap(|| infra_compare::compare(&source, &target, &options, &|_| ())).await;
        let comparison = comparison.map_err(|error| failed(with_causes(&error)))?;
        let validation =
            beginning.and_then(|beginning| beginning.validation(&workspace.config, replication, &comparison));
        equal.extend(validation.map(|validation| (replication, validation)));
        comparisons.push(comparison);
    }
    let session = on_heap(|| Session::open(workspace, STEP, events)).await?;
    let mut recorded = Ok(());
    for (replication, validation) in equal {
        recorded = recorded.and(record(&session.context, replication, &validation).await);
    }
    session.close().await;
    recorded.map_err(Error::from)?;
    Ok(comparisons)
}

/// Stops all replications, as `replication stop -y` does.
///
/// # Errors
/// DMS refuses it.
pub async fn stop_replication(workspace: &Workspace, events: Events) -> Result<(), StepError> {
    let session = Session::open(workspace, "replication stop", events).await?;
    let context = session.context.clone();
    let all = replications(&session);
    let results =
        futures::future::join_all(all.iter().map(|replication| replication::stop(&context, replication))).await;
    let released = rotation::release_stopped(&context, &all).await;
    drop(context);
    session.close().await;
    let failed = results.into_iter().filter_map(Result::err).chain(released.err()).map(|error| describe(&error));
    failure("replication stop", failed)
}

fn replications(session: &Session) -> Vec<Replication> {
    session.context.journal.read(|state| Topology::of(state).replications)
}

fn failure(step: &'static str, reasons: impl Iterator<Item = String>) -> Result<(), StepError> {
    let reasons: Vec<String> = reasons.collect();
    if reasons.is_empty() { Ok(()) } else { Err(StepError::Failed { step, reason: reasons.join("; ") }) }
}

/// How a cutover ended.
#[derive(Clone, Debug)]
pub enum CutoverEnd {
    /// With the steps: no switchover follows, or they did not complete.
    Steps(Outcome),
    /// With the switchover.
    Switchover(Box<Ended>),
}

impl CutoverEnd {
    /// Returns whether the database of the target is the primary, or no database moves and all traffic has moved.
    pub fn is_complete(&self) -> bool {
        match self {
            Self::Steps(outcome) => *outcome == Outcome::Completed,
            Self::Switchover(ended) => ended.outcome == SwitchoverOutcome::Completed,
        }
    }
}

/// Shifts all traffic to the target, or back when a gate fails, and moves the data, as `cutover -y` does. A cutover
/// that was killed is resumed; one that has ended is not repeated.
///
/// # Errors
/// There is no routing, or the journal cannot be written.
pub async fn cutover(workspace: &Workspace, events: Events) -> Result<CutoverEnd, StepError> {
    cutover_with(workspace, events, Repeat::Never).await
}

/// Does the same once more after everything was moved back.
///
/// # Errors
/// Those of [`cutover`].
pub async fn cutover_again(workspace: &Workspace, events: Events) -> Result<CutoverEnd, StepError> {
    cutover_with(workspace, events, Repeat::AfterRollback).await
}

/// Whether a cutover that has ended is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Repeat {
    Never,
    AfterRollback,
}

async fn cutover_with(workspace: &Workspace, events: Events, repeat: Repeat) -> Result<CutoverEnd, StepError> {
    let session = on_heap(|| Session::open(workspace, "cutover", events)).await?;
    let result = on_heap(|| in_session(workspace, &session.context, repeat)).await;
    session.close().await;
    result
}

async fn in_session(workspace: &Workspace, context: &Context, repeat: Repeat) -> Result<CutoverEnd, StepError> {
    let config = &workspace.config;
    let state = context.journal.read(Clone::clone);
    let record = match stage(config, &state, &context.read_context()).await? {
        Stage::Steps => return on_heap(|| steps(workspace, context, &state, repeat)).await.map(CutoverEnd::Steps),
        Stage::StepsThenSwitchover => {
            let operations = operations(workspace, context, None).map_err(Error::from)?;
            on_heap(|| switchover::open(workspace, &operations, Readiness::Required)).await.map_err(Error::from)?;
            match on_heap(|| steps(workspace, context, &state, repeat)).await? {
                Outcome::Completed => new_record(&state, Direction::FORWARD).map_err(Error::from)?,
                other => return Ok(CutoverEnd::Steps(other)),
            }
        }
        // What is left to do after a way back comes before the next way there.
        Stage::Settle(record) if record.progress.direction != Direction::FORWARD => {
            let ended = on_heap(|| move_data(workspace, context, *record)).await?;
            if ended.record.is_unsettled() {
                let reason = ended.reasons.join("; ");
                return Err(StepError::Failed { step: "cutover", reason });
            }
            return on_heap(|| in_session(workspace, context, repeat)).await;
        }
        Stage::Switchover(record) | Stage::Settle(record) => *record,
        Stage::Moved | Stage::Finished => {
            let ended = read_record(&state).map_err(Error::from)?.and_then(Ended::of);
            return Ok(match ended {
                Some(ended) => CutoverEnd::Switchover(Box::new(ended)),
                None => CutoverEnd::Steps(Outcome::Completed),
            });
        }
    };
    let ended = on_heap(|| move_data(workspace, context, record)).await?;
    Ok(CutoverEnd::Switchover(Box::new(ended)))
}

async fn move_data(workspace: &Workspace, context: &Context, record: SwitchoverRecord) -> Result<Ended, StepError> {
    // Nobody aborts it.
    let (_aborter, abort) = abort_signal();
    let operations = operations(workspace, context, None).map_err(Error::from)?;
    Ok(on_heap(|| switch_over(workspace, &operations, record, abort)).await?)
}

async fn steps(workspace: &Workspace, context: &Context, state: &State, repeat: Repeat) -> Result<Outcome, StepError> {
    let config = &workspace.config;
    let before = PersistedCutover::of(state).map_err(MigrationRefusal::from).map_err(Error::from)?;
    let is_repeated = |cutover: &&PersistedCutover| repeat == Repeat::AfterRollback && cutover.is_rolled_back();
    if let Some(ended) = before.as_ref().filter(|cutover| !cutover.can_resume() && !is_repeated(cutover))
        && let Some(outcome) = ended.progress.outcome().cloned()
    {
        return Ok(outcome);
    }
    let plan = plan(config, &[]).map_err(Error::from)?;
    let first = first_input(None, before.as_ref(), &caller(&context.cloud)).map_err(Error::from)?;
    let topology = Topology::of(state);
    let driver = driver(workspace, context, topology, plan, Operator::Absent, None).map_err(Error::from)?;
    let mut cutover = match (before, &first) {
        (Some(cutover), input) if *input != Input::Started => cutover,
        (before, _) => start(config, &driver.context, &driver.plan, before.as_ref()),
    };
    // Nobody gives commands to it.
    let (_inputs, requests) = mpsc::unbounded_channel();
    let outcome = on_heap(|| driver.run(&mut cutover, first, requests)).await;
    outcome.map_err(|error| StepError::Failed { step: "cutover", reason: error.to_string() })
}

/// Moves data and traffic back to the source, as `cutover --rollback -y` does after a switchover.
///
/// # Errors
/// The switchover was undone, or the journal cannot be written.
pub async fn roll_back(workspace: &Workspace, events: Events) -> Result<(), StepError> {
    const BACK: Direction = Direction::to_side(Side::Source);
    let session = on_heap(|| Session::open(workspace, "cutover", events)).await?;
    let context = &session.context;
    let moved = async {
        let state = context.journal.read(Clone::clone);
        let record = match stage(&workspace.config, &state, &context.read_context()).await? {
            Stage::Switchover(record) | Stage::Settle(record) if record.progress.direction == BACK => *record,
            Stage::Moved | Stage::Settle(_) => new_record(&state, BACK).map_err(Error::from)?,
            _ => return Ok(()),
        };
        let ended = on_heap(|| move_data(workspace, context, record)).await?;
        if ended.outcome != SwitchoverOutcome::Completed {
            return Err(StepError::Failed { step: "cutover --rollback", reason: ended.reasons.join("; ") });
        }
        Ok(())
    };
    let moved = Box::pin(moved).await;
    session.close().await;
    moved
}

/// Ends the migration, as `cutover finish -y` does. Returns what was removed from the databases.
///
/// # Errors
/// A replication cannot be stopped, a database cannot be reached, or something is left in it.
pub async fn finish(workspace: &Workspace, events: Events) -> Result<Removed, StepError> {
    let session = Session::open(workspace, "cutover finish", events).await?;
    let finished = match operations(workspace, &session.context, None) {
        Ok(operations) => finish::finish(&operations, &FinishRequest::default()).await,
        Err(refusal) => Err(refusal),
    };
    session.close().await;
    Ok(finished.map_err(Error::from)?)
}

/// Sends all traffic back to the source, as `traffic rollback -y` does.
///
/// # Errors
/// Route 53 refuses it, or the journal cannot be written.
pub async fn roll_back_traffic(workspace: &Workspace, events: Events) -> Result<(), StepError> {
    let session = Session::open(workspace, "traffic rollback", events).await?;
    let state = session.context.journal.read(Clone::clone);
    let name = record_name(workspace, &Topology::of(&state)).map_err(Error::from);
    let (session, name) = session.or_close(name).await?;
    let location = location(&state, &session.context.cloud, &workspace.config);
    let shifted = shift::shift(&session.context, &location, &name, TrafficSplit::SOURCE, "rolled back manually").await;
    let recorded = match &shifted {
        Ok(_) => record_manual_rollback(workspace, &session.context).await,
        Err(_) => Ok(()),
    };
    session.close().await;
    recorded?;
    match shifted {
        Ok(_) => Ok(()),
        Err(failed) => Err(StepError::Failed { step: "traffic rollback", reason: describe(&failed.error) }),
    }
}
