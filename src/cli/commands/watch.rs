//! `watch`: shows traffic, lag, both environments and every gate until the user quits.

use std::time::Duration;

use clap::Args;
use tokio::sync::mpsc;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::signals::shutdown_signal;
use crate::cli::ui::{CutoverReporter, Keys};
use infra_core::events::{Event, Events};
use infra_migration::TrafficSplit;
use infra_migration::cutover::{CutoverPlan, Input};
use infra_migration::gate::probe::{Probe, health_event, judgement_event};
use infra_migration::gate::{Judgement, Verdict};
use infra_migration::topology::Topology;
use infra_workflow::identity::caller;
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::traffic::{location, read_records, record_name};

/// Show traffic, lag, health and gates until you quit.
///
/// Nothing is changed. Use it for a day or two after a cutover, or to see whether the gates would pass before one. On a
/// terminal it is a dashboard, which `q` quits; without one it writes a line for each change.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra watch\n  migrate-infra watch --once --output json")]
pub struct WatchArgs {
    /// Evaluate once, and exit with 1 if a gate does not pass.
    #[arg(long)]
    once: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &WatchArgs) -> Result<u8, Failure> {
    let (workspace, config) = (&app.workspace, &app.workspace.config);
    let plan = CutoverPlan::of(config).ok_or(MigrationRefusal::NoRouting { verb: "watch" })?;
    let state = workspace.read_state().await?;
    let topology = Topology::of(&state);
    let name = record_name(workspace, &topology)?;
    let context = workspace.connect_read_only().await?;
    let location = location(&state, &context.cloud, config);
    let clock = context.cloud.clock();
    let began = context.cloud.unix_now();
    let reporter = CutoverReporter::start(&app.options, &plan, Keys::Watch);
    let events = reporter.events();
    let (inputs, mut pressed) = mpsc::unbounded_channel();
    reporter.forward_keys(inputs.clone(), &caller(&context.cloud));
    // It listens all the time: a signal during an evaluation counts, too.
    let mut stopped = std::pin::pin!(shutdown_signal());
    loop {
        let now = context.cloud.unix_now();
        let live = match read_records(&context, &location, &name).await {
            Ok(records) => records.nearest_split(),
            Err(refusal) => {
                reporter.finish();
                return Err(refusal.into());
            }
        };
        let probe = Probe::new(&context, &topology, &state, now);
        let (judgements, health) = probe.evaluate(&config.gates, &plan.eval_context(live, None, now)).await;
        let seconds = u64::try_from(now - began).unwrap_or_default();
        send_events(&events, &plan, live, seconds, &judgements);
        health.iter().map(health_event).for_each(|event| events.send(event));
        if args.once {
            reporter.finish();
            return Ok(exit_code(&judgements)?);
        }
        let next = clock.sleep(Duration::from_secs(plan.gate_interval_seconds.max(1)));
        tokio::select! {
            () = next => {}
            () = quit(&mut pressed) => break,
            _ = &mut stopped => break,
        }
    }
    reporter.finish();
    drop(inputs);
    Ok(0)
}

/// Returns an error if a gate that is judged does not pass.
fn exit_code(judgements: &[Judgement]) -> Result<u8, CliError> {
    let open: Vec<&Judgement> =
        judgements.iter().filter(|one| !matches!(one.verdict, Verdict::Pass | Verdict::NotJudged)).collect();
    let what = match open.len() {
        0 => return Ok(0),
        1 => "a gate does not pass".to_owned(),
        some => format!("{some} gates do not pass"),
    };
    let mut error = CliError::new(Exit::Failed, what).nothing_changed();
    error.causes = open.iter().map(|one| format!("{}: {}: {}", one.gate, one.verdict.as_str(), one.text)).collect();
    Err(error)
}

/// Waits until the user quits. Other keys have no effect.
async fn quit(pressed: &mut mpsc::UnboundedReceiver<Input>) {
    while let Some(input) = pressed.recv().await {
        if matches!(input, Input::AbortRequested(_)) {
            return;
        }
    }
}

fn send_events(events: &Events, plan: &CutoverPlan, live: TrafficSplit, seconds: u64, judgements: &[Judgement]) {
    let percent = live.percent();
    let (step, steps) = (plan.steps.completed(live), plan.steps.as_slice().len());
    events.send(Event::Cutover {
        phase: "watching",
        live: percent,
        intended: percent,
        seconds,
        until: None,
        step,
        steps,
        why: None,
    });
    judgements.iter().map(judgement_event).for_each(|event| events.send(event));
}
