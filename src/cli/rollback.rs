//! `rollback`: undo what the last unfinished `up` did.

use clap::Args;

use super::again::again;
use super::agreed::Agreed;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::plan::some;
use super::report::{self, Reporter};
use super::run::line;
use super::session::{self, Session};
use super::{down, moves, protection};
use crate::address::Address;
use crate::config::Config;
use crate::engine::{Context, Outcome, Report};
use crate::events::{Event, Events};
use crate::plan::{Rollback, plan_rollback};
use crate::state::State;

/// Undoes what the last failed or interrupted `up` did: what it made is deleted, what it changed becomes what it was.
///
/// It goes back to where `up` last ended well, over several failed runs if need be. It can be interrupted and run again. A step that can
/// not be undone is reported, and the others go on; `--skip` leaves such a one as it is.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra rollback --sandbox -y\n  migrate-infra rollback --skip source/database-source/instance")]
pub struct RollbackArgs {
    /// Leaves this resource, and what it needs, as it is; can be repeated.
    #[arg(long = "skip", value_name = "ADDRESS")]
    skipped: Vec<String>,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &RollbackArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let skipped: Vec<Address> = args.skipped.iter().map(Address::new).collect();
    let state = moves::renamed(&config, &session::peek(globals, &config).await?);
    let preview = make(&config, &state, &skipped)?;
    if state.undo.is_empty() && preview.lost.is_empty() {
        down::say(globals, "nothing to undo: the last `up` ended well, or nothing was begun");
        return Ok(0);
    }
    let mut agreed = Agreed::unasked();
    if !args.yes {
        if globals.output == OutputFormat::Text {
            report::show_plan(globals, &preview.plan, false);
            show_rest(&preview);
        }
        confirm(&format!("\nUndo this in {}?", if globals.sandbox { "the sandbox" } else { "AWS" }), false)?;
        agreed = Agreed::to(preview.plan.digest());
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "rollback", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let rollback = moves::planned(&session.context, &config, |state| {
        let rollback = make(&config, state, &skipped)?;
        agreed.covers(&rollback.plan.digest()).map(|()| rollback)
    });
    let rollback = rollback.await;
    let (session, rollback) = session.or_close(rollback).await?;
    reporter.plan(&rollback.plan, session.context.cloud.clock());
    tell_rest(&session.context.events, &rollback);
    let lost = lost(&rollback);
    let report = crate::engine::rollback(&session.context, rollback.plan).await;
    reporter.finish();
    session.close().await;
    let code = end(globals, &report?, &lost)?;
    Ok(code)
}

/// Undoes at once what an `up` that has just failed did, under the same lock.
///
/// Only the environments of that `up` are rolled back. Returns what stays all the same.
pub(super) async fn at_once(globals: &Globals, config: &Config, context: &Context, chosen: &Chosen) -> Result<Undone, CliError> {
    let mut rollback = context.journal.read(|state| plan_rollback(state, &[], &|environment| chosen.includes(environment)));
    rollback.plan.delete_as_configured(&crate::stack::build(config)?);
    refuse_knot(&rollback)?;
    protection::refuse(&rollback.plan, config, Exit::Stuck)?;
    tell_rest(&context.events, &rollback);
    let undone = Undone { exit: if rollback.lost.is_empty() { Exit::Failed } else { Exit::Stuck }, rest: rest(&rollback) };
    let report = crate::engine::rollback(context, rollback.plan).await?;
    end(globals, &report, &[]).map(|_| undone)
}

/// What undoing an `up` at once has come to.
pub(super) struct Undone {
    /// What is not as it was.
    pub(super) rest: Vec<String>,
    /// What the `up` ends with.
    pub(super) exit: Exit,
}

fn make(config: &Config, state: &State, skipped: &[Address]) -> Result<Rollback, CliError> {
    let graph = crate::stack::build(config)?;
    moves::check(config, &graph)?;
    let known = |address: &&Address| state.undo.created.contains(*address) || state.undo.changed.contains_key(*address);
    if let Some(unknown) = skipped.iter().find(|address| !known(address)) {
        return Err(CliError::new(Exit::Usage, format!("`{unknown}` is not among what would be undone"))
            .remains("nothing was changed")
            .hint("`rollback` without -y shows what would be undone"));
    }
    let mut rollback = plan_rollback(state, skipped, &|_| true);
    rollback.plan.delete_as_configured(&graph);
    refuse_knot(&rollback)?;
    protection::refuse(&rollback.plan, config, Exit::Stuck).map_err(|error| error.hint("or leave a resource as it is with `--skip ADDRESS`"))?;
    Ok(rollback)
}

/// Refuses what would wait for itself.
fn refuse_knot(rollback: &Rollback) -> Result<(), CliError> {
    let Some(knot) = &rollback.knot else { return Ok(()) };
    let hint = "leave one of these as it is with `--skip ADDRESS`";
    Err(CliError::new(Exit::Stuck, "this can not be undone in one go").because(knot).remains("nothing was changed").hint(hint))
}

fn rest(rollback: &Rollback) -> Vec<String> {
    let kept = rollback.kept.iter().map(|(address, why)| format!("{address} stays as it is: {why}"));
    lost(rollback).into_iter().chain(kept).collect()
}

fn lost(rollback: &Rollback) -> Vec<String> {
    rollback.lost.iter().map(|(address, why)| format!("{address} is not as it was: {why}")).collect()
}

fn show_rest(rollback: &Rollback) {
    for text in rest(rollback) {
        line(&text);
    }
}

fn tell_rest(events: &Events, rollback: &Rollback) {
    for text in rest(rollback) {
        events.send(Event::Notice { address: None, text });
    }
}

/// Sums up. What is lost is no success.
fn end(globals: &Globals, report: &Report, lost: &[String]) -> Result<u8, CliError> {
    let command = again(globals, "rollback", &Chosen::default());
    match report.outcome {
        Outcome::Done => {
            let took = report::duration(report.elapsed.as_secs());
            let done = format!("{} resources are as they were before the last `up`", report.changed);
            if lost.is_empty() {
                down::say(globals, &format!("done: {done} ({took})"));
                return Ok(0);
            }
            let what = match lost.len() {
                1 => "one resource is not as it was, and can not be given back".to_owned(),
                many => format!("{many} resources are not as they were, and can not be given back"),
            };
            let mut error = CliError::new(Exit::Stuck, what).remains(format!("nothing to undo: {done} ({took})"));
            error.causes = some(lost);
            Err(error.hint(format!("`{}` makes again what the configuration has", again(globals, "up", &Chosen::default()))))
        }
        Outcome::Stopped => Err(report::unfinished(globals, report, &command)),
        Outcome::Failed => {
            let mut error = report::unfinished(globals, report, &command);
            error.exit = Exit::Stuck;
            let failed = report.failures.first().map(|failure| &failure.address).or(report.remaining.first());
            let stuck = failed.map(ToString::to_string).unwrap_or_default();
            Err(error.hint(format!("what can not be undone is left as it is with `{command} --skip {stuck}`")))
        }
    }
}
