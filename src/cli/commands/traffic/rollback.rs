//! `traffic rollback`: sends all traffic back to the source, from any state.

use clap::Args;

use super::result::{batch, end, summary};
use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, stdout};
use infra_aws::Cancel;
use infra_base::address::Location;
use infra_core::engine::{Context, ReadContext};
use infra_core::events::Event;
use infra_core::resource::{Error as ResourceError, describe};
use infra_core::state::State;
use infra_migration::TrafficSplit;
use infra_migration::cutover::ShiftEffect;
use infra_migration::records::RecordName;
use infra_migration::shift::{self, SendMode, ShiftError, ShiftOutcome, roll_back_without_state};
use infra_migration::topology::Topology;
use infra_workflow::cutover::record_manual_rollback;
use infra_workflow::switchover::before_shift;
use infra_workflow::traffic::{
    ManualRelease, find_records, location, manual_release, read_both, read_state_if_possible,
};

/// Send all traffic back to the source. Works from any state, also without one.
///
/// It evaluates no gate and waits for no lock: if another run holds the lock, or the state cannot be used, it reports
/// that and continues without recording anything. With `--zone-id` it requires no state at all. It moves no data: once
/// the database of the target is the primary, it is refused, and `cutover --rollback` moves both.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic rollback -y\n  \
                        migrate-infra traffic rollback --zone-id Z1D633PJN98FT9 -y")]
pub struct RollbackArgs {
    /// The hosted zone [default: the zone in the state].
    #[arg(long, value_name = "ID")]
    zone_id: Option<String>,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(app: &App, args: &RollbackArgs) -> Result<u8, Failure> {
    if args.dry_run {
        app.notifier.silence();
    }
    let workspace = &app.workspace;
    let zone = args.zone_id.as_deref();
    // A problem with the state must not prevent the rollback.
    let (state, problem) = match zone {
        Some(_) => (State::empty(), None),
        None => read_state_if_possible(workspace).await,
    };
    let topology = Topology::of(&state);
    let context = workspace.connect_read_only().await?;
    let location = location(&state, &context.cloud, &workspace.config);
    let name = find_records(workspace, &context, &location, &topology, zone).await?;
    let records = read_both(&context, &location, &name).await?;
    let source = TrafficSplit::SOURCE;
    before_shift(&workspace.config, &state, &context, records.split(), source).await?;
    if args.dry_run {
        stdout(&batch(&records, TrafficSplit::SOURCE));
        return Ok(0);
    }
    confirm(&format!("{} Send all of it to the source?", summary(&records)), args.yes)?;
    let command = match zone {
        Some(zone) => format!("traffic rollback --zone-id {zone}"),
        None => "traffic rollback".to_owned(),
    };
    let rollback = Rollback { app, state: &state, location: &location, name: &name };
    if zone.is_some() || problem.is_some() || topology.record_name.is_none() {
        if let Some(problem) = problem {
            app.info(&format!("note: {}; this continues without a state", app.explain(problem).what));
        }
        return Ok(end(app, rollback.without_state(&context).await, TrafficSplit::SOURCE, &command)?);
    }
    // Only one process at a time can use the sandbox.
    drop(context);
    Ok(end(app, rollback.in_session().await?, TrafficSplit::SOURCE, &command)?)
}

struct Rollback<'a> {
    app: &'a App,
    state: &'a State,
    location: &'a Location,
    name: &'a RecordName,
}

impl Rollback<'_> {
    /// Sends the traffic back, and records it, if the state can be opened.
    async fn in_session(&self) -> Result<Result<ShiftOutcome, ShiftError>, Failure> {
        let app = self.app;
        let reporter = Reporter::start(&app.options);
        let session = match app.open_session("traffic rollback", reporter.events()).await {
            Ok(session) => session,
            Err(failure) if failure.is_foreign() => {
                reporter.finish();
                return Err(failure);
            }
            Err(failure) => {
                // The holder of the lock may hang. If it runs, it notices that the weights have changed, and stops.
                reporter.finish();
                app.info(&format!("note: {}; this continues without recording anything", app.explain(failure).what));
                let context = app.workspace.connect_read_only().await?;
                return Ok(self.without_state(&context).await);
            }
        };
        let context = &session.context;
        let result =
            shift::shift(context, self.location, self.name, TrafficSplit::SOURCE, "rolled back manually").await;
        let (result, recorded) = match result {
            Ok(outcome) => (Ok(outcome), record_manual_rollback(&app.workspace, context).await),
            // A failure to write the journal must not prevent the rollback.
            Err(failed) if matches!(failed.error, ResourceError::Journal(_)) => {
                let text = format!("{}; this continues without recording anything", describe(&failed.error));
                context.events.send(Event::Notice { address: None, text });
                let context = Context { cancel: Cancel::default(), ..context.clone() };
                (self.without_state(&context.read_context()).await, Ok(()))
            }
            Err(failed) => (Err(failed), Ok(())),
        };
        reporter.finish();
        session.close().await;
        recorded?;
        Ok(result)
    }

    /// Sends the traffic back without recording anything.
    async fn without_state(&self, context: &ReadContext) -> Result<ShiftOutcome, ShiftError> {
        let result = roll_back_without_state(context, self.location, self.name, SendMode::IfChanged).await;
        match manual_release(&self.app.workspace.config, self.state) {
            ManualRelease::NotRequired => {}
            ManualRelease::Required => {
                self.app.info("note: the quiesce command of the cutover was run: run the release command manually");
            }
            ManualRelease::Unknown => self.app.info(
                "note: without the state it is unknown whether a cutover has run its quiesce command: \
                 if it has, run the release command manually",
            ),
        }
        result.map_err(|error| ShiftError { effect: ShiftEffect::Unknown, error })
    }
}
