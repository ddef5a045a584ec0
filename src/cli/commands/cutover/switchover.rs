//! The switchover of a cutover: a new one, one that is resumed, or the way back.

use std::path::PathBuf;

use serde_json::json;

use super::args::CutoverArgs;
use super::requests::Requests;
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{CutoverReporter, Keys, confirm, next_steps, stderr, stdout};
use infra_config::Side;
use infra_connect::Endpoint;
use infra_core::engine::Context;
use infra_core::state::State;
use infra_migration::cutover::CutoverPlan;
use infra_migration::switchover::SwitchoverRecord;
use infra_switchover::machine::Outcome;
use infra_switchover::{AbortSignal, Direction, Row, abort_signal};
use infra_workflow::control_channel::{ControlChannel, ControlRequest};
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover::{Ended, Stage, new_record, operations, read_record, switch_over};
use infra_workflow::{Error, Session};

/// Where the databases are: as the user has named them, or by their secrets.
pub(super) type Urls = Option<[Endpoint; 2]>;

/// Carries out a switchover that does not follow steps of the same command.
pub(super) async fn run(
    app: &App,
    args: &CutoverArgs,
    plan: &CutoverPlan,
    state: &State,
    stage: Stage,
    request: Option<ControlRequest>,
    urls: Urls,
) -> Result<u8, Failure> {
    const BACK: Direction = Direction::to_side(Side::Source);
    let workspace = &app.workspace;
    let (record, abort_at_once) = match (stage, request) {
        (Stage::Switchover(record), Some(ControlRequest::Abort | ControlRequest::Rollback)) if record.has_begun() => {
            (*record, true)
        }
        (Stage::Switchover(record), None) | (Stage::Settle(record), None | Some(ControlRequest::Continue)) => {
            (*record, false)
        }
        (Stage::Switchover(record), Some(ControlRequest::Continue | ControlRequest::Approve)) if record.has_begun() => {
            (*record, false)
        }
        (Stage::Moved, Some(ControlRequest::Rollback)) => (new_record(state, BACK)?, false),
        (Stage::Settle(record), Some(ControlRequest::Rollback)) if record.primary() == Side::Target => {
            (new_record(state, BACK)?, false)
        }
        (Stage::Finished, None) => {
            app.info("nothing to do: the migration is finished");
            return Ok(0);
        }
        (Stage::Finished, Some(_)) => return Err(MigrationRefusal::Finished.into()),
        (Stage::Moved, None) => {
            app.info("nothing to do: all traffic goes to the target, and its database is the primary");
            return Ok(0);
        }
        _ => return Err(MigrationRefusal::NoCutover.into()),
    };
    if !args.yes {
        stderr(&overview(app, &record));
    }
    confirm(if abort_at_once { "\nUndo the switchover?" } else { "\nStart?" }, args.yes)?;
    let reporter = CutoverReporter::start(&app.options, plan, Keys::Cutover);
    let session = Session::open(workspace, "cutover", reporter.events()).await?;
    // Another process may have changed what was read before the lock was acquired.
    let now = session.context.journal.read(read_record);
    let (session, now) = session.or_close(now).await?;
    let is_current = now.filter(SwitchoverRecord::is_under_way).is_none_or(|now| now == record);
    let current = if is_current { Ok(()) } else { Err(MigrationRefusal::CutoverConflict) };
    let (session, ()) = session.or_close(current).await?;
    let requests = Requests::listen(&reporter);
    let channel = workspace.backend(Some(&session.context.cloud)).await?;
    ControlChannel::of(&channel).listen(requests.sender());
    let (aborter, aborted) = abort_signal();
    let signal = if abort_at_once {
        aborter.abort("requested with the command");
        aborted
    } else {
        requests.to_switchover()
    };
    let ended = carry_out(app, &session.context, urls, record, signal).await;
    reporter.finish();
    session.close().await;
    Ok(end(app, ended?, None)?)
}

/// Carries out the switchover that follows the steps of the same command.
pub(super) async fn follow(app: &App, context: &Context, urls: Urls, requests: &Requests) -> Result<Ended, Error> {
    let record = context.journal.read(|state| new_record(state, Direction::FORWARD))?;
    carry_out(app, context, urls, record, requests.to_switchover()).await
}

async fn carry_out(
    app: &App,
    context: &Context,
    urls: Urls,
    record: SwitchoverRecord,
    abort: AbortSignal,
) -> Result<Ended, Error> {
    switch_over(&app.workspace, &operations(&app.workspace, context, urls)?, record, abort).await
}

/// Returns what a switchover would do.
pub(super) fn overview(app: &App, record: &SwitchoverRecord) -> String {
    let direction = record.progress.direction;
    let budget = app.workspace.config.cutover.switchover_timeout_seconds;
    let rows = Row::ALL.map(Row::as_str).join(", ");
    format!(
        "switchover: the database of the {to} becomes the primary ({rows})\n\
         clients get 503 until it is done; if that takes more than {budget} s, all of it is undone\n\
         afterwards, all traffic goes to the {to}, and changes are replicated back to the {from}\n",
        to = direction.to(),
        from = direction.from(),
    )
}

/// Summarises a switchover. `written` contains the paths of the report of the steps.
pub(super) fn end(app: &App, ended: Ended, written: Option<&std::io::Result<[PathBuf; 2]>>) -> Result<u8, CliError> {
    let progress = &ended.record.progress;
    let (from, to) = (progress.direction.from(), progress.direction.to());
    // Clients are served again at the end of the last row, and not from the row `Fence` on.
    let closed = Row::ALL.iter().filter(|row| **row >= Row::Fence).filter_map(|row| progress.duration(*row));
    let closed: std::time::Duration = closed.sum();
    if app.options.is_json() {
        let event = json!({
            "event": "switchover_ended",
            "outcome": progress.outcome(),
            "from": from,
            "to": to,
            "closed_seconds": closed.as_secs_f64(),
            "reasons": ended.reasons,
            "record": written.and_then(|written| written.as_ref().ok()),
        });
        stdout(&event.to_string());
    }
    if ended.outcome == Outcome::Undone {
        let what = format!("the switchover was undone: the database of the {from} is the primary, as before");
        let error = CliError::new(Exit::Held, what).unchanged("clients are served as before");
        let error = ended.reasons.into_iter().fold(error, CliError::because_text);
        return Err(error.hint(format!("`{}` tries again", app.command("cutover"))));
    }
    for reason in &ended.reasons {
        app.info(&format!("note: {reason}"));
    }
    let seconds = closed.as_secs();
    app.info(&format!("done: the database of the {to} is the primary, and all traffic goes there"));
    app.info(&format!("clients got 503 for about {seconds} s; changes are replicated back to the {from}"));
    if let Some(Ok([json, markdown])) = written {
        app.info(&format!("the report is in {} and {}", markdown.display(), json.display()));
    }
    if !app.options.is_json() && to == Side::Target {
        next_steps([
            (app.command("watch"), "watch it for a day or two"),
            (app.command("cutover --rollback"), "moves data and traffic back to the source, without losing a write"),
        ]);
    }
    Ok(0)
}
