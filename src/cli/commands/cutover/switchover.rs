//! The switchover of a cutover: a new one, one that is resumed, or the way back.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;

use super::args::CutoverArgs;
use super::requests::Requests;
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::runs;
use crate::cli::ui::{CutoverReporter, Keys, confirm, next_steps, stderr, stdout};
use infra_config::{Config, Side};
use infra_connect::Endpoint;
use infra_core::engine::Context;
use infra_core::state::State;
use infra_database::TableName;
use infra_migration::cutover::CutoverPlan;
use infra_migration::switchover::{SwitchoverRecord, expected};
use infra_switchover::Checked;
use infra_switchover::forecast::{Comparison, Forecast};
use infra_switchover::machine::Outcome;
use infra_switchover::{AbortSignal, Direction, Row, abort_signal};
use infra_workflow::control_channel::{ControlChannel, ControlRequest};
use infra_workflow::identity::caller;
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover::{Ended, Stage, operations, switch_over};
use infra_workflow::switchover_record::{new_record, read_record};
use infra_workflow::{Error, Session};

/// A row that took so much longer than its forecast is shown.
const NOTABLE_OVERRUN: Duration = Duration::from_secs(10);
/// So many names of tables are shown.
const NAMES: usize = 10;

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
        stderr(&overview(app, state, &record));
    }
    confirm(if abort_at_once { "\nUndo the switchover?" } else { "\nStart?" }, args.yes)?;
    let reporter = CutoverReporter::start(&app.options, plan, Keys::Cutover);
    let session = Session::open(workspace, "cutover", reporter.events()).await?;
    session.warn_of_expiry(Duration::from_hours(1));
    // Another process may have changed what was read before the lock was acquired.
    let now = session.context.journal.read(read_record);
    let (session, now) = session.or_close(now).await?;
    let is_current = now.filter(SwitchoverRecord::is_under_way).is_none_or(|now| now == record);
    let current = if is_current { Ok(()) } else { Err(MigrationRefusal::CutoverConflict) };
    let (session, ()) = session.or_close(current).await?;
    let requests = Requests::listen(&reporter, &caller(&session.context.cloud));
    let channel = workspace.backend(Some(&session.context.cloud)).await?;
    ControlChannel::of(&channel).listen(&session.run, requests.sender(), session.context.events.clone());
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

/// Returns how long clients will probably get 503, before anything was measured.
pub(super) fn closed_text(state: &State, config: &Config) -> String {
    let closed = expected(state, config).without_writes().as_secs();
    let budget = u64::from(config.cutover.switchover_timeout_seconds);
    let warning = if closed > budget { ", which is MORE THAN ITS BUDGET" } else { "" };
    format!("probably for about {closed} s{warning}")
}

/// Returns what a switchover would do.
pub(super) fn overview(app: &App, state: &State, record: &SwitchoverRecord) -> String {
    let direction = record.progress.direction;
    let budget = app.workspace.config.cutover.switchover_timeout_seconds;
    let rows = Row::ALL.map(Row::as_str).join(", ");
    let expected = closed_text(state, &app.workspace.config);
    format!(
        "switchover: the database of the {to} becomes the primary ({rows})\n\
         clients get 503 until it is done, {expected}; if that takes more than {budget} s, all of it is undone\n\
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
    let closed: Duration = closed.sum();
    let forecast = progress.evidence.before.as_ref().and_then(|before| before.forecast.as_ref());
    let compared = forecast.map(|forecast| forecast.compare(&progress.durations_ms)).unwrap_or_default();
    let expected = forecast.map(Forecast::without_writes);
    let checked = progress.evidence.checked.clone().unwrap_or_default();
    let row = |one: &Comparison| {
        let measured = one.measured.map(|time| time.as_secs_f64());
        json!({ "row": one.row, "forecast_seconds": one.forecast.as_secs_f64(), "measured_seconds": measured })
    };
    let event = json!({
        "event": "switchover_ended",
        "outcome": progress.outcome(),
        "from": from,
        "to": to,
        "closed_seconds": closed.as_secs_f64(),
        "forecast_seconds": expected.map(|time| time.as_secs_f64()),
        "rows": compared.iter().map(row).collect::<Vec<_>>(),
        "checked": checked,
        "reasons": ended.reasons,
        "record": written.and_then(|written| written.as_ref().ok()),
    });
    runs::value(&event);
    if app.options.is_json() {
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
    let forecast = expected.map(|time| format!(" (forecast {} s)", time.as_secs())).unwrap_or_default();
    app.info(&format!("clients got 503 for about {seconds} s{forecast}; changes are replicated back to the {from}"));
    for one in compared.iter().filter(|one| one.overrun() >= NOTABLE_OVERRUN) {
        app.info(&format!("  {one}"));
    }
    for line in checked_lines(&checked) {
        app.info(&line);
    }
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

/// Returns what was compared, and what was not.
fn checked_lines(checked: &Checked) -> Vec<String> {
    let mut lines = Vec::new();
    if !checked.compared.is_empty() {
        lines.push(format!("compared row by row, and equal: {} tables", checked.compared.len()));
    }
    let since = match &checked.validated_at {
        Some(at) => format!("changed since the validation at {at}"),
        None => "not validated before".to_owned(),
    };
    for (what, tables) in [
        ("of which only the rows were counted", &checked.only_counted),
        ("NEITHER COMPARED NOR COUNTED", &checked.unproven),
    ] {
        if !tables.is_empty() {
            lines.push(format!("{since}, {what}: {}", names(tables)));
        }
    }
    lines
}

fn names(tables: &[TableName]) -> String {
    let shown: Vec<String> = tables.iter().take(NAMES).map(ToString::to_string).collect();
    let more = tables.len().saturating_sub(NAMES);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", shown.join(", "))
}
