//! How a cutover starts, resumes, and is rolled back outside of its own process.

use std::path::{Path, PathBuf};

use infra_base::file::{self, Access};
use infra_base::file_id::FileId;
use infra_config::Config;
use infra_core::engine::Context;
use infra_core::events::Event;
use infra_core::resource::describe;
use infra_core::state::{Found, Holder, LockError, State, user_at_host};
use infra_kinds::autoscaling::scale_in::ScaleIn;
use infra_migration::TrafficSplit;
use infra_migration::cutover::{
    CutoverPlan, CutoverReport, Driver, Hook, Hooks, Initiator, Input, Operator, Outcome, PersistedCutover, Progress,
    record_hook,
};
use infra_migration::scale_in;
use infra_migration::topology::Topology;
use infra_payment::stack::EmergencySwitch;

use crate::control_channel::{ControlChannel, ControlRequest};
use crate::error::Error;
use crate::identity::caller;
use crate::refusal::MigrationRefusal;
use crate::traffic::{location, record_name};
use crate::workspace::Workspace;

/// How long a request that must not wait waits for who gives it.
const CALLER_PATIENCE: std::time::Duration = std::time::Duration::from_secs(3);

/// Returns the plan of a cutover that also pauses after the given steps.
///
/// # Errors
/// There is no routing, or a percentage is not a step.
pub fn plan(config: &Config, pause_at: &[u8]) -> Result<CutoverPlan, MigrationRefusal> {
    let mut plan = CutoverPlan::of(config).ok_or(MigrationRefusal::NoRouting { verb: "shift" })?;
    for percent in pause_at {
        let known = TrafficSplit::new(*percent).filter(|split| plan.steps.as_slice().contains(split));
        let Some(split) = known else {
            let steps = plan.steps.as_slice().iter().map(|split| split.percent()).collect();
            return Err(MigrationRefusal::NotAStep { percent: *percent, steps });
        };
        plan.pause_at.push(split);
    }
    Ok(plan)
}

/// Sends a request to a cutover that runs in another process. Returns whether there is one.
///
/// # Errors
/// No step waits for an approval, the lock cannot be read, or the cutover cannot be reached.
pub async fn send_to_running(
    workspace: &Workspace,
    request: ControlRequest,
    current: Option<&PersistedCutover>,
) -> Result<bool, Error> {
    let backend = workspace.backend(None).await?;
    let found = backend.holder().await;
    let found = found.map_err(|source| LockError::Io { place: backend.name(), source })?;
    let Found::Held(holder) = found else { return Ok(false) };
    if holder.as_ref().is_some_and(|holder| holder.command != "cutover") {
        return Ok(false);
    }
    if let Some(cutover) = current.filter(|_| request == ControlRequest::Approve) {
        step_to_approve(cutover, &cutover.report.plan)?;
    }
    let Some(holder) = holder else {
        let reason = "it is about to begin or to end; try again".to_owned();
        return Err(MigrationRefusal::Unreachable { reason }.into());
    };
    let who = match request {
        // Whoever approves has to be known.
        ControlRequest::Approve | ControlRequest::Continue => workspace.caller().await?,
        // Traffic must be able to stop or to go back while AWS does not answer.
        ControlRequest::Pause | ControlRequest::Abort | ControlRequest::Rollback => {
            let asked = tokio::time::timeout(CALLER_PATIENCE, workspace.caller()).await;
            asked.ok().and_then(Result::ok).unwrap_or_else(user_at_host)
        }
    };
    ControlChannel::of(&backend).send(request, &who, &holder.id).await?;
    Ok(true)
}

/// Returns the first input of the state machine. `who` gives the command.
///
/// # Errors
/// [`MigrationRefusal::NoCutover`].
pub fn first_input(
    request: Option<ControlRequest>,
    before: Option<&PersistedCutover>,
    who: &str,
) -> Result<Input, MigrationRefusal> {
    let resumable = before.filter(|cutover| cutover.can_resume());
    let first = match request {
        None => Some(PersistedCutover::start_input(before)),
        Some(ControlRequest::Approve | ControlRequest::Continue) => {
            resumable.map(|_| PersistedCutover::start_input(before))
        }
        Some(request @ ControlRequest::Abort) => resumable.map(|cutover| cutover.request_input(request.input(who))),
        // Also after it has completed: the source may have to be released.
        Some(request @ ControlRequest::Rollback) => {
            before.filter(|cutover| !cutover.is_rolled_back()).map(|cutover| cutover.request_input(request.input(who)))
        }
        Some(ControlRequest::Pause) => None,
    };
    first.ok_or(MigrationRefusal::NoCutover)
}

/// Returns the step that `--approve` approves, and `who` approves it. A step can only be approved after it was reached.
///
/// # Errors
/// [`MigrationRefusal::NothingToApprove`].
pub fn approval(
    plan: &CutoverPlan,
    before: Option<&PersistedCutover>,
    who: &str,
) -> Result<Option<(TrafficSplit, String)>, MigrationRefusal> {
    before.map(|cutover| Ok((step_to_approve(cutover, plan)?, who.to_owned()))).transpose()
}

/// Returns the step that waits for an approval.
fn step_to_approve(cutover: &PersistedCutover, plan: &CutoverPlan) -> Result<TrafficSplit, MigrationRefusal> {
    let live = cutover.progress.live;
    cutover.progress.awaits_approval_at(plan).ok_or(MigrationRefusal::NothingToApprove { live })
}

/// Refuses to continue if another process has continued the cutover since it was read.
///
/// # Errors
/// [`MigrationRefusal::CutoverConflict`], or the cutover cannot be read any more.
pub fn check_unchanged(state: &State, before: Option<&PersistedCutover>) -> Result<(), MigrationRefusal> {
    if PersistedCutover::of(state)?.as_ref() == before { Ok(()) } else { Err(MigrationRefusal::CutoverConflict) }
}

/// Returns a new cutover.
pub fn start(
    config: &Config,
    context: &Context,
    plan: &CutoverPlan,
    before: Option<&PersistedCutover>,
) -> PersistedCutover {
    let started = infra_base::clock::timestamp();
    let holder = Holder::current("cutover", None);
    let id = FileId::of_time("cutover", jiff::Timestamp::now());
    let identity = context.cloud.identity();
    let user = if identity.is_empty() { holder.user } else { identity.to_owned() };
    let initiator = Initiator { user, host: holder.host };
    PersistedCutover {
        began: context.cloud.unix_now(),
        progress: Progress::after(before.map(|before| &before.progress)),
        report: CutoverReport::new(id, &config.stack.id(), initiator, &started, plan.clone()),
    }
}

/// Returns what carries a cutover out, in a session.
///
/// # Errors
/// The state contains no records.
pub fn driver(
    workspace: &Workspace,
    context: &Context,
    topology: Topology,
    plan: CutoverPlan,
    operator: Operator,
    approved: Option<(TrafficSplit, String)>,
) -> Result<Driver, MigrationRefusal> {
    let config = &workspace.config;
    Ok(Driver {
        context: context.clone(),
        location: context.journal.read(|state| location(state, &context.cloud, config)),
        record_name: record_name(workspace, &topology)?,
        plan,
        gates: config.gates.clone(),
        switch: EmergencySwitch::of(config),
        topology,
        hooks: Hooks::of(&config.cutover, &workspace.directory()),
        operator,
        approved,
    })
}

/// Returns the default directory of cutover reports.
pub fn reports_directory(workspace: &Workspace) -> PathBuf {
    workspace.directory().join("cutovers")
}

/// Writes a report as JSON and as Markdown. Returns the paths of both.
///
/// # Errors
/// A file cannot be written.
pub fn write_report(directory: &Path, report: &CutoverReport) -> std::io::Result<[PathBuf; 2]> {
    file::create_directory(directory)?;
    let (json, markdown) = (report.id.file_in(directory, "json"), report.id.file_in(directory, "md"));
    file::replace(&json, report.to_json().map_err(std::io::Error::other)?, Access::Owner)?;
    file::replace(&markdown, report.to_markdown(), Access::Owner)?;
    Ok([json, markdown])
}

/// Records that the user rolled a cutover back manually, and releases the source.
///
/// # Errors
/// The journal cannot be written, or the release command failed.
pub async fn record_manual_rollback(workspace: &Workspace, context: &Context) -> Result<(), Error> {
    record_rollback(workspace, context, "traffic rollback").await
}

/// Runs the release command after a switchover has moved data and traffic back to the source, and records that. It can
/// be repeated: the command runs again if it has failed, or was killed.
///
/// # Errors
/// The journal cannot be written, or the release command failed.
pub async fn record_way_back(workspace: &Workspace, context: &Context) -> Result<(), Error> {
    let cutover = context.journal.read(PersistedCutover::of).map_err(MigrationRefusal::from)?;
    let cutover = cutover.filter(|cutover| !cutover.is_rolled_back());
    let Some(mut cutover) = cutover else { return Ok(()) };
    let hooks = Hooks::of(&workspace.config.cutover, &workspace.directory());
    if !hooks.quiesce.is_empty() {
        let result = hooks.run(Hook::Release, &context.events, TrafficSplit::SOURCE).await;
        let at = cutover.timestamp(cutover.seconds_at(context.cloud.unix_now()));
        let input = record_hook(&mut cutover.report, &at, Hook::Release, result);
        context.journal.write(vec![cutover.to_record()?]).await?;
        if let Input::ReleaseFailed(reason) = input {
            return Err(MigrationRefusal::NotReleased { reason }.into());
        }
    }
    record_rollback(workspace, context, "cutover --rollback").await
}

async fn record_rollback(workspace: &Workspace, context: &Context, command: &str) -> Result<(), Error> {
    let cutover = context.journal.read(PersistedCutover::of).map_err(MigrationRefusal::from)?;
    let cutover = cutover.filter(|cutover| !cutover.is_rolled_back());
    let Some(mut cutover) = cutover else { return Ok(()) };
    let plan = cutover.report.plan.clone();
    let now = cutover.seconds_at(context.cloud.unix_now());
    let requested = Input::RollbackRequested(format!("`{command}` by {}", caller(&context.cloud)));
    for input in [requested, Input::RollbackDone] {
        cutover.advance(&plan, now, input);
    }
    context.journal.write(vec![cutover.to_record()?]).await?;
    let hooks = Hooks::of(&workspace.config.cutover, &workspace.directory());
    while cutover.progress.outcome().is_none() {
        let result = hooks.run(Hook::Release, &context.events, TrafficSplit::SOURCE).await;
        let now = cutover.seconds_at(context.cloud.unix_now());
        let at = cutover.timestamp(now);
        let input = record_hook(&mut cutover.report, &at, Hook::Release, result);
        cutover.advance(&plan, now, input);
        context.journal.write(vec![cutover.to_record()?]).await?;
    }
    for service in &context.journal.read(Topology::of).services {
        if let Err(error) = scale_in::set_position(context, service, ScaleIn::Allowed).await {
            let text = format!("scale-in of the {} stays suspended: {}", service.side, describe(&error));
            context.events.send(Event::Notice { address: None, text });
        }
    }
    if let Err(error) = write_report(&reports_directory(workspace), &cutover.report) {
        let text = format!("cannot write the report of the cutover: {error}; the state contains it");
        context.events.send(Event::Notice { address: None, text });
    }
    match cutover.progress.outcome() {
        Some(Outcome::NotReleased { error, .. }) => Err(MigrationRefusal::NotReleased { reason: error.clone() }.into()),
        _ => Ok(()),
    }
}
