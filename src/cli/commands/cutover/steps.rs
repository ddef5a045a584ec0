//! The steps of a cutover, and the switchover that follows them.

use std::time::Duration;

use super::args::CutoverArgs;
use super::end::end;
use super::overview::overview;
use super::requests::Requests;
use super::switchover::{self, Urls};
use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::ui::{CutoverReporter, Keys, confirm, stderr};
use infra_core::engine::Context;
use infra_core::events::Event;
use infra_core::state::State;
use infra_migration::cutover::{CutoverPlan, Input, Operator, Outcome, PersistedCutover};
use infra_migration::switchover::Readiness;
use infra_migration::topology::Topology;
use infra_workflow::Session;
use infra_workflow::control_channel::{ControlChannel, ControlRequest};
use infra_workflow::cutover::{approval, check_unchanged, driver, first_input, reports_directory, start, write_report};
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover as data;

/// Shifts the traffic step by step. `switchover`: the data follows, so the target uses the source database until then.
/// `who` gives the command.
pub(super) async fn run(
    app: &App,
    args: &CutoverArgs,
    plan: CutoverPlan,
    state: &State,
    switchover: Option<Urls>,
    who: &str,
) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let request = args.request();
    let before = PersistedCutover::of(state).map_err(MigrationRefusal::from)?;
    let first = first_input(request, before.as_ref(), who)?;
    let approved = if args.approve { approval(&plan, before.as_ref(), who)? } else { None };
    let goes_forward = !matches!(request, Some(ControlRequest::Abort | ControlRequest::Rollback));
    if !args.yes && goes_forward {
        stderr(&overview(&plan, before.as_ref(), switchover.is_some()));
        if switchover.is_some() {
            stderr(&format!("in the switchover, clients get 503 {}", switchover::closed_text(state, config)));
        }
    }
    confirm(question(request), args.yes)?;
    let directory = args.record.clone().unwrap_or_else(|| reports_directory(workspace));
    let reporter = CutoverReporter::start(&app.options, &plan, Keys::Cutover);
    let has_operator = args.wait || reporter.has_keys();
    // Without an operator, it ends instead of waiting.
    let events = if has_operator { app.notifier.watch(reporter.events()) } else { reporter.events() };
    let session = Session::open(workspace, "cutover", events).await?;
    session.warn_of_expiry(Duration::from_hours(1));
    // Another process may have changed what was read before the lock was acquired.
    let state = session.context.journal.read(Clone::clone);
    let (session, ()) = session.or_close(check_unchanged(&state, before.as_ref())).await?;
    let opened = match &switchover {
        Some(urls) if goes_forward => open(app, &session.context, urls.clone()).await,
        _ => Ok(()),
    };
    let (session, ()) = session.or_close(opened).await?;
    let context = &session.context;
    let mut cutover = match (before, &first) {
        (Some(cutover), input) if *input != Input::Started => cutover,
        (before, _) => {
            // The report of a cutover that was killed before it was written is kept, too.
            let usual = reports_directory(workspace);
            let is_written = |cutover: &PersistedCutover| {
                [&directory, &usual].iter().any(|path| cutover.report.id.file_in(path, "json").exists())
            };
            if let Some(before) = before.as_ref().filter(|before| !is_written(before))
                && let Err(error) = write_report(&usual, &before.report)
            {
                let text = format!("cannot write the report of the previous cutover: {error}");
                context.events.send(Event::Notice { address: None, text });
            }
            start(config, context, &plan, before.as_ref())
        }
    };
    cutover.report.plan = plan.clone();
    let operator = if has_operator { Operator::Present } else { Operator::Absent };
    let driver = driver(workspace, context, Topology::of(&state), plan, operator, approved);
    let (session, driver) = session.or_close(driver).await?;
    let context = &session.context;
    let requests = Requests::listen(&reporter, who);
    let channel = ControlChannel::of(&workspace.backend(Some(&context.cloud)).await?);
    channel.listen(&session.run, requests.sender(), context.events.clone());
    let outcome = driver.run(&mut cutover, first, requests.to_steps()).await;
    drop(driver);
    let moved = match (&outcome, switchover) {
        (Ok(Outcome::Completed), Some(urls)) => Some(switchover::follow(app, context, urls, &requests).await),
        _ => None,
    };
    reporter.finish();
    session.close().await;
    let written = write_report(&directory, &cutover.report);
    match (outcome, moved) {
        (Ok(Outcome::Completed), Some(ended)) => Ok(switchover::end(app, ended?, Some(&written))?),
        (Ok(outcome), _) => Ok(end(app, &outcome, &cutover, &written)?),
        (Err(error), _) => Err(CliError::from(error)
            .unchanged(format!("{} of the traffic goes to the target, and no gate is evaluated", cutover.progress.live))
            .hint(format!("`{}` resumes once the state can be written", app.command("cutover")))
            .hint(format!("`{}` sends all traffic back to the source", app.command("traffic rollback")))
            .into()),
    }
}

/// Makes the target ready for its first client.
async fn open(app: &App, context: &Context, urls: Urls) -> Result<(), MigrationRefusal> {
    data::open(&app.workspace, &data::operations(&app.workspace, context, urls)?, Readiness::Required).await
}

fn question(request: Option<ControlRequest>) -> &'static str {
    match request {
        Some(ControlRequest::Abort) => "\nAbort the cutover?",
        Some(ControlRequest::Rollback) => "\nSend all traffic back to the source?",
        _ => "\nStart?",
    }
}
