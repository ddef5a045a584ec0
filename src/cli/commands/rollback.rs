//! `rollback`: undoes what the last unfinished `up` did.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::existing::addresses;
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, duration, show_plan, stdout, unfinished};
use infra_base::address::Address;
use infra_core::engine::{Outcome, Report};
use infra_core::events::Event;
use infra_core::plan::Rollback;
use infra_workflow::approval::Approval;
use infra_workflow::rollback::plan;
use infra_workflow::{Error, apply_in_memory, plan_with_moves};

/// Undo what the last failed or interrupted `up` did.
///
/// What it created is deleted, and what it changed is restored. It returns to the end of the last successful `up`, over
/// several failed runs if necessary. It can be interrupted and run again. It reports a step that cannot be undone, and
/// continues with the others; `--skip` leaves a resource unchanged.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra rollback --sandbox -y\n  \
                        migrate-infra rollback --skip source/database-source/instance")]
pub struct RollbackArgs {
    /// Leave this resource and its dependencies unchanged; can be repeated.
    #[arg(long = "skip", value_name = "ADDRESS", add = ArgValueCandidates::new(addresses))]
    skipped: Vec<String>,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &RollbackArgs) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let skipped: Vec<Address> = args.skipped.iter().map(Address::new).collect();
    let state = apply_in_memory(config, &app.workspace.read_usable_state().await?);
    let preview = plan(config, &state, &skipped)?;
    if state.undo.is_empty() && preview.lost.is_empty() {
        app.info("nothing to undo: the last `up` succeeded, or nothing was started");
        return Ok(0);
    }
    let mut approval = Approval::preapproved();
    if !args.yes {
        if !app.options.is_json() {
            show_plan(&app.options, &app.estimated(preview.plan.clone()), false);
            for text in left_unchanged(&preview) {
                stdout(&text);
            }
        }
        confirm(&format!("\nUndo this in {}?", app.options.place()), false)?;
        approval = Approval::of(preview.plan.digest());
    }
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("rollback", reporter.events()).await?;
    let rollback = plan_with_moves(&session.context, config, |state| {
        let rollback = plan(config, state, &skipped)?;
        approval.verify(&rollback.plan.digest())?;
        Ok::<_, Error>(rollback)
    });
    let rollback = rollback.await;
    let (session, mut rollback) = session.or_close(rollback).await?;
    rollback.plan = app.estimated(rollback.plan);
    reporter.plan(&rollback.plan, session.context.cloud.clock());
    for text in left_unchanged(&rollback) {
        session.context.events.send(Event::Notice { address: None, text });
    }
    let lost = lost(&rollback);
    let report = infra_core::engine::rollback(&session.context, rollback.plan).await;
    reporter.finish();
    session.close().await;
    Ok(end_of_rollback(app, &report?, &lost)?)
}

/// Returns what the rollback does not restore, each with the reason.
pub(super) fn left_unchanged(rollback: &Rollback) -> Vec<String> {
    let kept = rollback.kept.iter().map(|(address, reason)| format!("{address} stays unchanged: {reason}"));
    lost(rollback).into_iter().chain(kept).collect()
}

fn lost(rollback: &Rollback) -> Vec<String> {
    rollback.lost.iter().map(|(address, reason)| format!("{address} is not as before: {reason}")).collect()
}

/// Summarises a rollback. It has not succeeded if something is lost.
pub(super) fn end_of_rollback(app: &App, report: &Report, lost: &[String]) -> Result<u8, CliError> {
    let command = app.command("rollback");
    match report.outcome {
        Outcome::Done => {
            let took = duration(report.elapsed.as_secs());
            let done = format!("{} resources are as they were before the last `up`", report.changed);
            if lost.is_empty() {
                app.info(&format!("done: {done} ({took})"));
                return Ok(0);
            }
            let what = match lost.len() {
                1 => "one resource is not as before, and cannot be restored".to_owned(),
                many => format!("{many} resources are not as before, and cannot be restored"),
            };
            Err(CliError::new(Exit::Stuck, what)
                .because_all(lost.iter().cloned())
                .unchanged(format!("nothing to undo: {done} ({took})"))
                .hint(format!("`{}` recreates what the configuration contains", app.command("up"))))
        }
        Outcome::Stopped => Err(unfinished(&app.options, report, &command)),
        Outcome::Failed => {
            let error = CliError { exit: Exit::Stuck, ..unfinished(&app.options, report, &command) };
            let failed = report.failures.first().map(|failure| &failure.address).or(report.remaining.first());
            let stuck = failed.map(ToString::to_string).unwrap_or_default();
            Err(error.hint(format!("to leave what cannot be undone unchanged, run `{command} --skip {stuck}`")))
        }
    }
}
