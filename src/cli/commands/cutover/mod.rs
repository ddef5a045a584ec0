//! `cutover`: sends all traffic to the target, step by step, behind gates, and back when something fails.

mod args;
mod dry_run;
mod end;
mod overview;

use tokio::sync::mpsc;

use self::end::end;
use self::overview::overview;
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::signals::{second_signal, shutdown_signal};
use crate::cli::ui::{CutoverReporter, Keys, confirm, restore_terminal, stderr};
use infra_core::events::Event;
use infra_core::state::user_at_host;
use infra_migration::cutover::{Input, Operator, PersistedCutover};
use infra_migration::topology::Topology;
use infra_workflow::Session;
use infra_workflow::control_channel::{ControlChannel, ControlRequest};
use infra_workflow::cutover::{
    approval, check_unchanged, driver, first_input, plan, reports_directory, send_to_running, start, write_report,
};
use infra_workflow::refusal::MigrationRefusal;
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
    if args.dry_run {
        return dry_run::run(app, &plan, &topology, &state).await;
    }
    let first = first_input(request, before.as_ref())?;
    let approved = if args.approve { approval(&plan, before.as_ref())? } else { None };
    if !args.yes && !matches!(request, Some(ControlRequest::Abort | ControlRequest::Rollback)) {
        stderr(&overview(&plan, before.as_ref()));
    }
    confirm(question(request), args.yes)?;
    let directory = args.record.clone().unwrap_or_else(|| reports_directory(workspace));
    let reporter = CutoverReporter::start(&app.options, &plan, Keys::Cutover);
    let has_operator = args.wait || reporter.has_keys();
    let session = Session::open(workspace, "cutover", reporter.events()).await?;
    // Another process may have changed what was read before the lock was acquired.
    let state = session.context.journal.read(Clone::clone);
    let (session, ()) = session.or_close(check_unchanged(&state, before.as_ref())).await?;
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
    let driver = driver(workspace, context, topology, plan, operator, approved);
    let (session, driver) = session.or_close(driver).await?;
    let context = &session.context;
    let (inputs, requests) = mpsc::unbounded_channel();
    reporter.forward_keys(inputs.clone());
    abort_on_signal(inputs.clone());
    ControlChannel::of(&workspace.backend(Some(&context.cloud)).await?).listen(inputs);
    let outcome = driver.run(&mut cutover, first, requests).await;
    reporter.finish();
    drop(driver);
    session.close().await;
    let written = write_report(&directory, &cutover.report);
    match outcome {
        Ok(outcome) => Ok(end(app, &outcome, &cutover, &written)?),
        Err(error) => Err(CliError::from(error)
            .unchanged(format!("{} of the traffic goes to the target, and no gate is evaluated", cutover.progress.live))
            .hint(format!("`{}` resumes once the state can be written", app.command("cutover")))
            .hint(format!("`{}` sends all traffic back to the source", app.command("traffic rollback")))
            .into()),
    }
}

fn question(request: Option<ControlRequest>) -> &'static str {
    match request {
        Some(ControlRequest::Abort) => "\nAbort the cutover?",
        Some(ControlRequest::Rollback) => "\nSend all traffic back to the source?",
        _ => "\nStart?",
    }
}

/// Aborts on Ctrl-C, SIGTERM or SIGHUP, and ends the process on the second signal. That is safe: the progress is
/// recorded.
fn abort_on_signal(inputs: mpsc::UnboundedSender<Input>) {
    tokio::spawn(async move {
        let reason = match shutdown_signal().await {
            // The sender of the signal is unknown; the owner of the process is known.
            name @ ("SIGTERM" | "SIGHUP") => format!("{name}, sent to the process of {}", user_at_host()),
            key => format!("{key} by {}", user_at_host()),
        };
        let _ = inputs.send(Input::AbortRequested(reason));
        stderr(
            "\naborting as configured in `cutover.on_abort`; Ctrl-C again ends the process at once, \
             and the same command resumes",
        );
        second_signal().await;
        restore_terminal();
        std::process::exit(i32::from(Exit::Stopped as u8));
    });
}
