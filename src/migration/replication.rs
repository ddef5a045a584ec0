//! Starts, follows and stops the replication of a database.

use std::time::Duration;

use super::phase::{Phase, StartRecord};
use super::recorded::{operation, record_end};
use super::topology::Replication;
use super::unreadable::UnreadableRecord;
use infra_core::engine::Context;
use infra_core::events::Event;
use infra_core::resource::{Error, Result, StepContext, describe};
use infra_core::state::State;
use infra_kinds::dms::task_status::{
    AT_REST, StartMode, TaskStatus, read_existing, start as start_task, stop as stop_task, test_connection, wait_for,
};

/// Statuses in which a task runs or is about to.
pub(crate) const ACTIVE: [&str; 2] = ["starting", "running"];
/// Seconds between two reads during a full load.
const POLL_SECONDS: u64 = 10;

/// The next action on a task, given its status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartAction {
    /// Follow the task, which runs already.
    Follow,
    /// Start the task in this way.
    Start(StartMode),
    /// Wait for another operation on the task, then read the status again.
    Wait,
}

/// Returns how to start a task: `start-replication` the first time, `resume-processing` after that, or `reload-target`
/// if the task cannot resume because it does not replicate changes, or if a reload was requested
/// (StartReplicationTask).
pub fn start_action(task: &TaskStatus, migration_type: &str, reload: bool) -> StartAction {
    match task.status.as_str() {
        status if ACTIVE.contains(&status) => StartAction::Follow,
        status if !AT_REST.contains(&status) => StartAction::Wait,
        _ if !task.has_run => StartAction::Start(StartMode::Start),
        _ if reload || migration_type == "full-load" => StartAction::Start(StartMode::Reload),
        _ => StartAction::Start(StartMode::Resume),
    }
}

/// The result of starting a replication.
#[derive(Clone, Debug, PartialEq)]
pub struct StartResult {
    /// How the task was started. `None` if it ran already.
    pub started_as: Option<StartMode>,
    /// The status of the task.
    pub task: TaskStatus,
}

/// How to start a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StartOptions {
    /// Load all tables again.
    pub reload: bool,
    /// Allow a full load, which replaces tables of the target.
    pub allow_full_load: bool,
    /// Return only when the full load is complete.
    pub follow_load: bool,
}

/// How a load is carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadOptions {
    /// When the task was last started before the load began.
    pub started_before: Option<i64>,
    /// Whether the task stops when its tables are loaded. Otherwise it goes on with changes.
    pub stops: bool,
    /// Return only when the load is complete.
    pub follow: bool,
}

/// The next action of a load, given the status of the task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadAction {
    /// Nothing: the load is complete.
    Done,
    /// Follow the task, which loads.
    Follow,
    /// Start the task in this way.
    Start(StartMode),
    /// Wait for another operation on the task, then read the status again.
    Wait,
    /// The task has been running since before: it cannot load again.
    Refused,
}

/// Why a task stops by itself after its load (`StopReason`): "STOPPED_AFTER_CACHED_EVENTS – Full load completed, with
/// cached changes applied", "STOPPED_AFTER_FULL_LOAD – Full load completed, with cached changes not applied",
/// "FULL_LOAD_ONLY_FINISHED" (ReplicationTask).
const LOADED: [&str; 3] = ["STOPPED_AFTER_CACHED_EVENTS", "STOPPED_AFTER_FULL_LOAD", "FULL_LOAD_ONLY_FINISHED"];

/// Returns whether a task has stopped because its load is complete.
fn has_loaded(task: &TaskStatus) -> bool {
    task.stop_reason.as_ref().is_some_and(|reason| LOADED.iter().any(|ended| reason.contains(ended)))
}

/// Returns the next action of a load. Whether the task was started for this load shows in the time of its last start.
pub fn load_action(task: &TaskStatus, migration_type: &str, options: LoadOptions) -> LoadAction {
    let is_started = task.has_run && task.started_at != options.started_before;
    match task.status.as_str() {
        status if ACTIVE.contains(&status) && !is_started => LoadAction::Refused,
        "running" if !options.stops && migration_type != "full-load" && task.full_load_percent == 100 => {
            LoadAction::Done
        }
        status if ACTIVE.contains(&status) => LoadAction::Follow,
        status if !AT_REST.contains(&status) => LoadAction::Wait,
        _ if !task.has_run => LoadAction::Start(StartMode::Start),
        _ if !is_started => LoadAction::Start(StartMode::Reload),
        "stopped" if has_loaded(task) => LoadAction::Done,
        _ if migration_type == "full-load" => LoadAction::Start(StartMode::Reload),
        _ => LoadAction::Start(StartMode::Resume),
    }
}

/// The name of the operation that reloads all tables, as it is recorded.
const RELOAD: &str = "replication start --reload";

/// Why a load is refused.
pub const TARGET_IN_USE: &str = "a full load would replace tables of the target, which has traffic";

/// Returns why a task cannot be started as requested: it would replace tables that are in use, or it runs already and
/// should reload.
pub fn refusal(
    task: &TaskStatus,
    migration_type: &str,
    options: StartOptions,
    is_reloading: bool,
) -> Option<&'static str> {
    match start_action(task, migration_type, options.reload) {
        StartAction::Start(StartMode::Start | StartMode::Reload) if !options.allow_full_load => Some(TARGET_IN_USE),
        StartAction::Follow if options.reload && !is_reloading => Some("the task runs, so it cannot be reloaded"),
        _ => None,
    }
}

/// Returns whether an earlier command has begun a reload whose end was not observed.
///
/// # Errors
/// How far the start has come cannot be read.
pub fn is_reloading(state: &State, replication: &Replication) -> Result<bool, UnreadableRecord> {
    let is_open = state.migration.operations.get(&replication.address).is_some_and(|open| open.what == RELOAD);
    let record = StartRecord::of(state, &replication.address)?;
    let is_under_way =
        |record: StartRecord| record.reload && record.has_begun(Phase::Load) && !record.is_done(Phase::Load);
    Ok(is_open || record.is_some_and(is_under_way))
}

/// Tests both connections, starts the task as its status requires, and returns when it runs, or with `follow_load` when
/// the full load is complete.
///
/// # Errors
/// The error of DMS, for a connection or for the task, or a [`refusal`].
pub async fn start(context: &Context, replication: &Replication, options: StartOptions) -> Result<StartResult> {
    let StartOptions { reload, follow_load, .. } = options;
    let is_reloading = context.journal.read(|state| is_reloading(state, replication));
    let mut is_reloading = is_reloading.map_err(|error| Error::Refused(error.to_string()))?;
    let what = if reload { RELOAD } else { "replication start" };
    let cx = operation(context, &replication.address, &replication.location, what);
    let started_as = loop {
        let task = read_existing(&cx, &replication.task).await?;
        if let Some(why) = refusal(&task, &replication.migration_type, options, is_reloading) {
            return Err(Error::Refused(why.to_owned()));
        }
        match start_action(&task, &replication.migration_type, reload) {
            StartAction::Follow => break None,
            StartAction::Wait => {
                let reached = [&AT_REST[..], &ACTIVE[..]].concat();
                wait_for(&cx, &replication.task, "become idle", &reached, &[]).await?;
            }
            StartAction::Start(how) => {
                is_reloading = true;
                if test_and_start(&cx, replication, how).await? {
                    break Some(how);
                }
            }
        }
    };
    // A task without ongoing replication may already have stopped.
    let mut task = wait_for(&cx, &replication.task, "run", &["running", "stopped"], &["failed"]).await?;
    if task.status == "stopped" && replication.migration_type != "full-load" {
        let reason = task.stop_reason.clone();
        return Err(Error::Failed { what: "the replication to run".to_owned(), status: task.status, reason });
    }
    if follow_load {
        task = follow_full_load(&cx, context, replication, task, false).await?;
        // An earlier version has started it, and `up` has changed its settings since.
        if task.status == "stopped" && replication.replicates_changes() && has_loaded(&task) {
            test_and_start(&cx, replication, StartMode::Resume).await?;
            task = wait_for(&cx, &replication.task, "run", &["running"], &["failed", "stopped"]).await?;
        }
    }
    record_end(context, &replication.address).await?;
    Ok(StartResult { started_as, task })
}

/// Tests both connections and starts the task. Returns whether it is known that DMS has accepted the start.
async fn test_and_start(cx: &StepContext, replication: &Replication, how: StartMode) -> Result<bool> {
    test_connections(cx, replication).await?;
    match start_task(cx, &replication.task, how).await {
        Ok(()) => Ok(true),
        // The result is unknown, so the status decides.
        Err(error) if error.outcome() == infra_aws::CallOutcome::Unknown => {
            pause_before_observing(cx, &error).await?;
            Ok(false)
        }
        // "Test connection for replication instance and endpoint should be successful": a test can be outdated.
        Err(error) if error.is_code("InvalidResourceStateFault") => {
            test_connections(cx, replication).await?;
            start_task(cx, &replication.task, how).await?;
            Ok(true)
        }
        Err(error) => Err(error),
    }
}

/// Loads all tables: starts the task as its status requires, and follows it until its load is complete. Returns whether
/// it is complete, and the task. It can be repeated, also after a kill: the load is then continued.
///
/// # Errors
/// The error of DMS, for a connection or for the task, or the task was stopped before its load was complete.
pub async fn load(
    context: &Context,
    replication: &Replication,
    options: LoadOptions,
    what: LoadKind,
) -> Result<(bool, TaskStatus)> {
    let cx = operation(context, &replication.address, &replication.location, what.as_str());
    let mut has_started = false;
    let ended = loop {
        let task = read_existing(&cx, &replication.task).await?;
        match load_action(&task, &replication.migration_type, options) {
            LoadAction::Refused => return Err(Error::Refused("the task runs, so it cannot be reloaded".to_owned())),
            LoadAction::Done => break (true, task),
            LoadAction::Wait => {
                let reached = [&AT_REST[..], &ACTIVE[..]].concat();
                wait_for(&cx, &replication.task, "become idle", &reached, &[]).await?;
            }
            LoadAction::Follow if !options.follow && task.status == "running" => break (false, task),
            LoadAction::Follow => {
                has_started = true;
                let task = wait_for(&cx, &replication.task, "run", &["running", "stopped"], &["failed"]).await?;
                if options.follow {
                    follow_full_load(&cx, context, replication, task, options.stops).await?;
                }
            }
            // It has stopped or failed while it was followed, and not because its load is complete.
            LoadAction::Start(_) if has_started => {
                let reason = task.last_failure.or(task.stop_reason);
                return Err(Error::Failed { what: "the full load".to_owned(), status: task.status, reason });
            }
            LoadAction::Start(how) => has_started = test_and_start(&cx, replication, how).await?,
        }
    };
    record_end(context, &replication.address).await?;
    Ok(ended)
}

/// Whether a load is the first one, as it is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadKind {
    /// The tables of the target are loaded for the first time.
    First,
    /// Rows of an earlier load are replaced.
    Again,
}

impl LoadKind {
    fn as_str(self) -> &'static str {
        match self {
            Self::First => "replication start",
            Self::Again => RELOAD,
        }
    }
}

/// Pauses after a call with an unknown result, until the effect can be observed.
pub(crate) async fn pause_before_observing(cx: &StepContext, error: &Error) -> Result<()> {
    cx.notice(format!("{}; observing the effect", describe(error)));
    cx.pause(Duration::from_secs(5)).await
}

/// Tests both connections concurrently.
async fn test_connections(cx: &StepContext, replication: &Replication) -> Result<()> {
    test_both(cx, &replication.instance, [&replication.source, &replication.target]).await
}

/// Tests the connections of an instance to two endpoints concurrently.
pub(crate) async fn test_both(cx: &StepContext, instance: &str, [one, other]: [&str; 2]) -> Result<()> {
    let (one, other) = futures::join!(test_connection(cx, instance, one), test_connection(cx, instance, other));
    one?;
    other
}

/// Follows a full load to its end. `stops`: the task stops there by itself.
async fn follow_full_load(
    cx: &StepContext,
    context: &Context,
    replication: &Replication,
    mut task: TaskStatus,
    stops: bool,
) -> Result<TaskStatus> {
    let mut reported = None;
    loop {
        let now = (task.status.clone(), task.full_load_percent, task.tables);
        if reported.as_ref() != Some(&now) {
            let (status, full_load_percent, tables) = now.clone();
            context.events.send(Event::Replication {
                address: replication.address.clone(),
                status,
                full_load_percent,
                tables,
            });
            reported = Some(now);
        }
        match task.status.as_str() {
            "running" if stops || (task.full_load_percent < 100 && replication.migration_type != "cdc") => {}
            "running" | "stopped" => return Ok(task),
            "failed" => {
                let reason = task.last_failure.or(task.stop_reason);
                return Err(Error::Failed { what: "the full load".to_owned(), status: "failed".to_owned(), reason });
            }
            _ => {}
        }
        cx.pause(Duration::from_secs(POLL_SECONDS)).await?;
        task = read_existing(cx, &replication.task).await?;
    }
}

/// Stops the task and waits until it has stopped. Returns whether it was running.
///
/// # Errors
/// The error of DMS.
pub async fn stop(context: &Context, replication: &Replication) -> Result<bool> {
    let cx = operation(context, &replication.address, &replication.location, "replication stop");
    let stopped = bring_to_rest(&cx, &replication.task).await?;
    record_end(context, &replication.address).await?;
    Ok(stopped)
}

/// Stops a task, whatever it does, and waits until it is at rest. Returns whether it was running.
pub(crate) async fn bring_to_rest(cx: &StepContext, task: &str) -> Result<bool> {
    stop_until(cx, task, &AT_REST).await
}

/// Stops a task, whatever it does, and returns when it is seen to stop, or to be at rest.
pub(crate) async fn request_stop(cx: &StepContext, task: &str) -> Result<()> {
    stop_until(cx, task, &[&AT_REST[..], &["stopping"]].concat()).await.map(drop)
}

/// Stops a task, and waits until it has one of the statuses `until`. Returns whether it was running.
async fn stop_until(cx: &StepContext, task: &str, until: &[&str]) -> Result<bool> {
    let mut stopped = false;
    loop {
        match read_existing(cx, task).await?.status.as_str() {
            status if until.contains(&status) => return Ok(stopped),
            "running" => match stop_task(cx, task, until).await {
                Ok(()) => stopped = true,
                Err(error) if error.outcome() == infra_aws::CallOutcome::Unknown => {
                    pause_before_observing(cx, &error).await?;
                }
                Err(error) => return Err(error),
            },
            _ => {
                let reached = [until, &["running"]].concat();
                wait_for(cx, task, "become idle", &reached, &[]).await?;
            }
        }
    }
}

/// Returns the remedy for a failure that DMS reports, if it is a known one.
pub fn remedy(message: &str) -> Option<&'static str> {
    let message = message.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| message.contains(word));
    if has(&["replication slot", "wal_level", "max_replication_slots"]) {
        return Some(
            "the source needs `rds.logical_replication = 1` in effect (a restart after a change of the parameter \
             group) and a free replication slot",
        );
    }
    if has(&["password authentication", "authentication failed"]) {
        return Some(
            "the secret does not match the database user: check whether it was rotated, then run `replication start` \
             again",
        );
    }
    if has(&["timeout", "timed out", "could not connect", "network"]) {
        return Some(
            "the replication instance cannot connect to the database: check security groups, routes and the peering \
             with `drift`",
        );
    }
    if has(&["out of memory", "low memory", "storage", "disk"]) {
        return Some(
            "the replication instance is too small: increase `replication.instance_class` or \
             `replication.allocated_storage_gb`, then run `up`",
        );
    }
    if has(&["certificate verify", "root certificate", "does not match host"]) {
        return Some(
            "DMS verifies the database, and its certificate is not that of its address: compare the host in its secret \
             with the endpoint of the DB instance, and the certificate authority of the instance with those of RDS in \
             its region",
        );
    }
    if has(&["ssl"]) {
        return Some(
            "the databases accept only connections with TLS (`rds.force_ssl`): the endpoints need the SSL mode \
             `require` or a stricter one",
        );
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(status: &str, has_run: bool) -> TaskStatus {
        TaskStatus { status: status.to_owned(), has_run, ..TaskStatus::default() }
    }

    #[test]
    fn the_start_action_follows_from_the_status() {
        let table = [
            ("ready", false, "full-load-and-cdc", false, StartAction::Start(StartMode::Start)),
            ("ready", false, "full-load-and-cdc", true, StartAction::Start(StartMode::Start)),
            ("stopped", true, "full-load-and-cdc", false, StartAction::Start(StartMode::Resume)),
            ("failed", true, "cdc", false, StartAction::Start(StartMode::Resume)),
            ("stopped", true, "full-load-and-cdc", true, StartAction::Start(StartMode::Reload)),
            ("stopped", true, "full-load", false, StartAction::Start(StartMode::Reload)),
            ("running", true, "full-load-and-cdc", true, StartAction::Follow),
            ("starting", true, "full-load-and-cdc", false, StartAction::Follow),
            ("modifying", true, "full-load-and-cdc", false, StartAction::Wait),
            ("stopping", true, "full-load-and-cdc", false, StartAction::Wait),
            ("something-new", true, "full-load-and-cdc", false, StartAction::Wait),
        ];
        for (status, has_run, migration_type, reload, action) in table {
            assert_eq!(
                start_action(&task(status, has_run), migration_type, reload),
                action,
                "{status} {has_run} {migration_type} {reload}"
            );
        }
    }

    #[test]
    fn a_load_continues_from_the_status_and_the_last_start() {
        let at = |status: &str, started_at: Option<i64>, reason: &str| TaskStatus {
            status: status.to_owned(),
            has_run: started_at.is_some(),
            started_at,
            stop_reason: Some(reason.to_owned()),
            ..TaskStatus::default()
        };
        let (cached, normal) = ("Stop Reason STOPPED_AFTER_CACHED_EVENTS", "Stop Reason NORMAL");
        let first = LoadOptions { started_before: None, stops: true, follow: true };
        let again = LoadOptions { started_before: Some(10), ..first };
        let table = [
            ("never started", at("ready", None, ""), first, LoadAction::Start(StartMode::Start)),
            ("loads", at("running", Some(10), ""), first, LoadAction::Follow),
            ("loaded", at("stopped", Some(10), cached), first, LoadAction::Done),
            ("stopped by hand", at("stopped", Some(10), normal), first, LoadAction::Start(StartMode::Resume)),
            ("failed", at("failed", Some(10), ""), first, LoadAction::Start(StartMode::Resume)),
            ("loaded before", at("stopped", Some(10), cached), again, LoadAction::Start(StartMode::Reload)),
            ("reloads", at("starting", Some(20), ""), again, LoadAction::Follow),
            ("reloaded", at("stopped", Some(20), cached), again, LoadAction::Done),
            ("runs since before", at("running", Some(10), ""), again, LoadAction::Refused),
            ("replaced", at("ready", None, ""), again, LoadAction::Start(StartMode::Start)),
            ("changed", at("modifying", Some(10), ""), first, LoadAction::Wait),
        ];
        for (what, task, options, action) in table {
            assert_eq!(load_action(&task, "full-load-and-cdc", options), action, "{what}");
        }
        let only = at("stopped", Some(10), normal);
        assert_eq!(load_action(&only, "full-load", first), LoadAction::Start(StartMode::Reload));
        let goes_on = LoadOptions { stops: false, ..first };
        let loaded = TaskStatus { full_load_percent: 100, ..at("running", Some(10), "") };
        assert_eq!(load_action(&loaded, "full-load-and-cdc", goes_on), LoadAction::Done);
    }

    #[test]
    fn tables_in_use_are_not_reloaded() {
        let options = |reload, allow_full_load| StartOptions { reload, allow_full_load, follow_load: true };
        let table = [
            ("ready", false, "full-load-and-cdc", options(false, false), false, true),
            ("ready", false, "full-load-and-cdc", options(false, true), false, false),
            ("stopped", true, "full-load-and-cdc", options(true, false), false, true),
            ("stopped", true, "full-load-and-cdc", options(true, true), false, false),
            ("stopped", true, "full-load-and-cdc", options(false, false), false, false),
            ("stopped", true, "full-load", options(false, false), false, true),
            ("running", true, "full-load-and-cdc", options(true, true), false, true),
            ("running", true, "full-load-and-cdc", options(true, true), true, false),
            ("running", true, "full-load-and-cdc", options(false, false), false, false),
        ];
        for (status, has_run, migration_type, options, is_reloading, refused) in table {
            let refusal = refusal(&task(status, has_run), migration_type, options, is_reloading);
            assert_eq!(refusal.is_some(), refused, "{status} {has_run} {migration_type} {options:?} {is_reloading}");
        }
    }

    #[test]
    fn known_failures_have_a_remedy() {
        assert!(remedy("Could not create replication slot").is_some_and(|text| text.contains("logical_replication")));
        assert!(remedy("Connection timed out").is_some_and(|text| text.contains("security groups")));
        assert_eq!(remedy("something else"), None);
    }
}
