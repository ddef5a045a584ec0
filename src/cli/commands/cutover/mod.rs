//! `cutover`: sends all traffic to the target, step by step, behind gates, and moves the data in a switchover.

mod args;
mod dry_run;
mod end;
mod overview;
mod requests;
mod switchover;

use self::end::end;
use self::overview::overview;
use self::requests::Requests;
use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::ui::{CutoverReporter, Keys, confirm, stderr};
use infra_connect::Endpoint;
use infra_core::engine::Context;
use infra_core::events::Event;
use infra_core::state::State;
use infra_migration::cutover::{CutoverPlan, Input, Operator, Outcome, PersistedCutover};
use infra_migration::topology::Topology;
use infra_workflow::Session;
use infra_workflow::control_channel::{ControlChannel, ControlRequest};
use infra_workflow::cutover::{
    approval, check_unchanged, driver, first_input, plan, reports_directory, send_to_running, start, write_report,
};
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover::{self as data, Stage};
use infra_workflow::traffic::record_name;

pub(in crate::cli) use args::CutoverArgs;

pub(in crate::cli) async fn run(app: &App, args: &CutoverArgs) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let mut plan = plan(config, &args.pause_at)?;
    let state = workspace.read_state().await?;
    let topology = Topology::of(&state);
    let record_name = record_name(workspace, &topology)?;
    if topology.lacks_source() {
        return Err(MigrationRefusal::SourceRemoved { name: record_name.name }.into());
    }
    let urls = args.databases.urls(app)?;
    let request = args.request();
    let before = PersistedCutover::of(&state);
    if let Some(request) = request
        && send_to_running(workspace, request, before.as_ref()).await?
    {
        app.info(&format!("requested the running cutover to {}", request.describe()));
        return Ok(0);
    }
    if let Some(cutover) = before.as_ref().filter(|cutover| cutover.can_resume()) {
        plan.inherit_pauses(&cutover.report.plan);
    }
    let stage = read_stage(app, &state).await?;
    if args.dry_run {
        return dry_run::run(app, &plan, &stage, &topology, &state).await;
    }
    match (stage, request) {
        (Stage::Steps, _) => steps(app, args, plan, &state, None).await,
        (Stage::StepsThenSwitchover, _) => steps(app, args, plan, &state, Some(urls)).await,
        (stage, request) => switchover::run(app, args, stage, request, urls).await,
    }
}

/// Returns which part of the migration is next. Only one process at a time can use the sandbox, so the connection ends
/// here.
async fn read_stage(app: &App, state: &State) -> Result<Stage, Failure> {
    let context = app.workspace.connect_read_only().await?;
    Ok(data::stage(&app.workspace.config, state, &context).await?)
}

/// Where the switchover that follows finds the databases: as the user has named them, or by their secrets.
type Urls = Option<[Endpoint; 2]>;

/// Shifts the traffic step by step. `switchover`: the data follows, so the target uses the source database until then.
async fn steps(
    app: &App,
    args: &CutoverArgs,
    plan: CutoverPlan,
    state: &State,
    switchover: Option<Urls>,
) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let request = args.request();
    let before = PersistedCutover::of(state);
    let first = first_input(request, before.as_ref())?;
    let approved = if args.approve { approval(&plan, before.as_ref())? } else { None };
    let goes_forward = !matches!(request, Some(ControlRequest::Abort | ControlRequest::Rollback));
    if !args.yes && goes_forward {
        stderr(&overview(&plan, before.as_ref(), switchover.is_some()));
    }
    confirm(question(request), args.yes)?;
    let directory = args.record.clone().unwrap_or_else(|| reports_directory(workspace));
    let reporter = CutoverReporter::start(&app.options, &plan, Keys::Cutover);
    let has_operator = args.wait || reporter.has_keys();
    let session = Session::open(workspace, "cutover", reporter.events()).await?;
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
                [&directory, &usual].iter().any(|path| path.join(format!("{}.json", cutover.report.id)).exists())
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
    let requests = Requests::listen(&reporter);
    ControlChannel::of(&workspace.backend(Some(&context.cloud)).await?).listen(requests.sender());
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
    data::open(&data::operations(&app.workspace, context, urls)?).await
}

fn question(request: Option<ControlRequest>) -> &'static str {
    match request {
        Some(ControlRequest::Abort) => "\nAbort the cutover?",
        Some(ControlRequest::Rollback) => "\nSend all traffic back to the source?",
        _ => "\nStart?",
    }
}
