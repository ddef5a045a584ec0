//! The replications around a switchover: the one that carries changes to the new primary is stopped and resumed, the
//! fallback is tested, started and stopped.
//!
//! Each function observes first, does what is missing, and returns when it has read that it is true. So it can be
//! repeated after a kill, whatever an earlier attempt has done, and it can be dropped at any `await`. What it calls is
//! recorded at the address of the task, like `replication start` and `replication stop`.
//!
//! *Assumptions*: One caller at a time. The caller owns the order: [`stop_and_verify`], the slot
//! (`infra_database::slots::create`), [`stop_carrier`], [`start`]. After a kill it begins with the first again.

use std::sync::atomic::{AtomicU32, Ordering};

use infra_config::Side;
use infra_core::engine::Context;
use infra_core::resource::{Error, Result, StepContext};
use infra_database::Lsn;
use infra_kinds::dms::task_status::{AT_REST, StartMode, read_existing, start_once, wait_for};

use super::recorded::{operation, record_end};
use super::replication::{ACTIVE, bring_to_rest, pause_before_observing, request_stop, stop, test_both};
use super::topology::{Fallback, Replication};
use infra_aws::{Progress, Wait};

/// Seconds between two reads of a task that starts.
const POLL_SECONDS: u64 = 2;
/// How long a task that starts can stay in one status, in seconds.
const STALL_SECONDS: u64 = 10 * 60;
/// The status of a task that runs.
const RUNS: &str = "running";
/// How many reads after a start may still show the status from before it.
const OLD_READS: u32 = 5;

/// The name of the operation that tests the connections, as it is recorded.
const PREPARE: &str = "fallback prepare";

/// Returns the fallback that writes the database of a side.
///
/// # Errors
/// There is none: the stack was created by an earlier version, or the replication only copies.
pub fn fallback(replication: &Replication, to: Side) -> Result<&Fallback> {
    replication.fallback_to(to).ok_or_else(|| {
        let why = if replication.replicates_changes() { "`up` creates it" } else { "it replicates no changes" };
        Error::Refused(format!("{} has no fallback replication to the {to}: {why}", replication.address))
    })
}

/// Makes sure that the fallback can be started: the task exists and is at rest, and the replication instance reaches
/// both of its databases. It changes nothing else.
///
/// # Errors
/// The reason that DMS reports for a connection, or the task runs.
pub async fn prepare(context: &Context, fallback: &Fallback) -> Result<()> {
    let cx = operation(context, &fallback.address, &fallback.location, PREPARE);
    let task = read_existing(&cx, &fallback.task).await?;
    if !AT_REST.contains(&task.status.as_str()) {
        return Err(Error::Refused(format!("the fallback replication {} is {}", fallback.address, task.status)));
    }
    test_both(&cx, &fallback.instance, [&fallback.source, &fallback.target]).await?;
    record_end(context, &fallback.address).await
}

/// Closes the record of a [`prepare`] that was killed. Connection tests have no effect that could be undone.
///
/// # Errors
/// The journal cannot be written.
pub async fn end_prepare(context: &Context, fallback: &Fallback) -> Result<()> {
    let open = context.journal.read(|state| state.migration.operations.get(&fallback.address).cloned());
    match open {
        Some(open) if open.what == PREPARE => record_end(context, &fallback.address).await,
        _ => Ok(()),
    }
}

/// Requests that the replication from the source to the target stops, and returns when it is seen to stop, or to be at
/// rest. [`stop_carrier`] waits for its end.
///
/// # Errors
/// The error of DMS, or that the task has never run.
pub async fn request_stop_of_carrier(context: &Context, replication: &Replication) -> Result<()> {
    must_resume(context, replication).await?;
    let cx = operation(context, &replication.address, &replication.location, "replication stop");
    request_stop(&cx, &replication.task).await?;
    record_end(context, &replication.address).await
}

/// Stops the replication from the source to the target.
///
/// *Guarantees*: It has stopped, and [`resume_carrier`] continues it there: "you can resume a stopped task from the
/// point at which it stopped" ("Working with AWS DMS tasks").
///
/// # Errors
/// The error of DMS, or that the task has never run.
pub async fn stop_carrier(context: &Context, replication: &Replication) -> Result<()> {
    must_resume(context, replication).await?;
    stop(context, replication).await.map(drop)
}

/// Continues the replication from the source to the target where it stopped, and returns when it runs. It never loads a
/// table.
///
/// # Errors
/// The reason why DMS does not run it, or that it has never run.
pub async fn resume_carrier(context: &Context, replication: &Replication) -> Result<()> {
    must_resume(context, replication).await?;
    let cx = operation(context, &replication.address, &replication.location, "replication resume");
    let ends = [replication.source.as_str(), &replication.target];
    run(&cx, &replication.task, &replication.instance, ends, (StartMode::Resume, None)).await?;
    record_end(context, &replication.address).await
}

/// Refuses a replication that cannot be resumed: `resume-processing` of a task that has never run is refused, and one
/// of a full load loads tables (StartReplicationTask).
async fn must_resume(context: &Context, replication: &Replication) -> Result<()> {
    let reader = context.read_context().reader(&replication.address, &replication.location);
    let task = read_existing(&reader, &replication.task).await?;
    if task.has_run && replication.replicates_changes() {
        return Ok(());
    }
    Err(Error::Refused(format!("{} has replicated no changes yet: `replication start` begins", replication.address)))
}

/// Starts the fallback at a position in the log of the new primary, and returns when it runs.
///
/// The position is that of its slot, which the caller has created after [`stop_and_verify`]. A task that runs already
/// is therefore one that an earlier attempt has started on this slot, and is kept. A task that has run in an earlier
/// switchover starts afresh: "For a cdc only task, to start from a specific position, you must use start-replication
/// and also specify the start position" (StartReplicationTask).
///
/// *Guarantees*: What is committed on the new primary from now on will be replicated back. The slot keeps it until
/// then, also while the task is not yet connected.
///
/// # Errors
/// The reason why DMS does not run it.
pub async fn start(context: &Context, fallback: &Fallback, position: &Lsn) -> Result<()> {
    launch(context, fallback, "fallback start", StartMode::Start, Some(position)).await
}

/// Continues the fallback where it stopped, and returns when it runs.
///
/// # Errors
/// The reason why DMS does not run it.
pub async fn resume(context: &Context, fallback: &Fallback) -> Result<()> {
    launch(context, fallback, "fallback resume", StartMode::Resume, None).await
}

async fn launch(
    context: &Context,
    fallback: &Fallback,
    what: &str,
    mode: StartMode,
    position: Option<&Lsn>,
) -> Result<()> {
    let cx = operation(context, &fallback.address, &fallback.location, what);
    let ends = [fallback.source.as_str(), &fallback.target];
    let how = (mode, position.map(ToString::to_string));
    run(&cx, &fallback.task, &fallback.instance, ends, how).await?;
    record_end(context, &fallback.address).await
}

/// Requests that the fallback stops, and returns when it is seen to stop, or to be at rest.
///
/// # Errors
/// The error of DMS.
pub async fn request_stop_of_fallback(context: &Context, fallback: &Fallback) -> Result<()> {
    let cx = operation(context, &fallback.address, &fallback.location, "fallback stop");
    request_stop(&cx, &fallback.task).await?;
    record_end(context, &fallback.address).await
}

/// Stops the fallback, and returns when it has stopped. Its slot can be dropped then.
///
/// # Errors
/// The error of DMS.
pub async fn stop_and_verify(context: &Context, fallback: &Fallback) -> Result<()> {
    let cx = operation(context, &fallback.address, &fallback.location, "fallback stop");
    bring_to_rest(&cx, &fallback.task).await?;
    record_end(context, &fallback.address).await
}

/// Starts a task that is at rest, and returns when it runs. It tests the connections only if DMS asks for it, because
/// that takes a minute, during which nobody is served when a switchover is undone.
async fn run(
    cx: &StepContext,
    task: &str,
    instance: &str,
    ends: [&str; 2],
    (mode, position): (StartMode, Option<String>),
) -> Result<()> {
    let mut tested = false;
    loop {
        let status = read_existing(cx, task).await?.status;
        if ACTIVE.contains(&status.as_str()) {
            return started(cx, task, 0).await;
        }
        if !AT_REST.contains(&status.as_str()) {
            let reached = [&AT_REST[..], &ACTIVE[..]].concat();
            wait_for(cx, task, "become idle", &reached, &[]).await?;
            continue;
        }
        match start_once(cx, task, mode, position.as_deref()).await {
            Ok(()) => return started(cx, task, OLD_READS).await,
            // The result is unknown, so the status decides.
            Err(error) if error.outcome() == infra_aws::CallOutcome::Unknown => {
                pause_before_observing(cx, &error).await?;
            }
            // "Test connection for replication instance and endpoint should be successful for starting the replication
            // task".
            Err(error) if error.is_code("InvalidResourceStateFault") && !tested => {
                test_both(cx, instance, ends).await?;
                tested = true;
            }
            Err(error) => return Err(error),
        }
    }
}

/// Waits until a task that has accepted its start runs. `old_reads` reads may still show that it is at rest.
async fn started(cx: &StepContext, task: &str, old_reads: u32) -> Result<()> {
    let left = AtomicU32::new(old_reads);
    cx.wait(Wait::new("the replication to run".to_owned(), POLL_SECONDS, STALL_SECONDS), || async {
        let current = read_existing(cx, task).await?;
        let status = current.status;
        if status == RUNS {
            return Ok(Progress::Reached(()));
        }
        if !AT_REST.contains(&status.as_str()) {
            left.store(0, Ordering::Relaxed);
        } else if left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_err() {
            return Ok(Progress::Failed { status, reason: current.last_failure.or(current.stop_reason) });
        }
        Ok(Progress::Pending(status))
    })
    .await
}
