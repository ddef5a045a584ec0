//! `up`: creates or changes resources until AWS matches the configuration.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::preflight::refusal;
use super::rollback::{end_of_rollback, left_unchanged};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::{DeleteArgs, EnvironmentArgs, ReplaceArgs, TargetArgs};
use crate::cli::ui::{Reporter, UpEnd, confirm, end_of_up, show_plan, unfinished};
use infra_core::engine::{Context, Outcome};
use infra_core::events::Event;
use infra_core::plan::{DriftReport, Plan};
use infra_core::state::State;
use infra_migration::rotation::release_orphaned;
use infra_workflow::approval::Approval;
use infra_workflow::planning::{build_plan, plan_refreshed, refresh_in_session};
use infra_workflow::rollback::plan_immediate;
use infra_workflow::saved_plan::SavedPlan;
use infra_workflow::{Error, Request, Selection, preconditions, preflight, record_moves};

/// Create or change resources until AWS matches the configuration; resumes a run that was killed.
///
/// It reads every resource, creates what is missing and changes what differs. It is safe to run at any time: if nothing
/// differs it changes nothing, and after a failure or a kill it resumes.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra up --env source --sandbox -y\n  \
                        migrate-infra plan --out plan.json && migrate-infra up plan.json\n  \
                        migrate-infra up -y --output json > events.jsonl")]
pub struct UpArgs {
    /// Execute exactly this plan, which `plan --out FILE` wrote. It is refused if the state, the configuration or the
    /// resources have changed since.
    #[arg(value_name = "FILE", conflicts_with_all = ["environments", "addresses", "replaced", "deleted"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    selected: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    replacements: ReplaceArgs,
    #[command(flatten)]
    deletions: DeleteArgs,
    /// If something fails, undo at once what was done, as `rollback` does.
    #[arg(long)]
    rollback_on_failure: bool,
    /// Start without the checks of `preflight`.
    #[arg(long)]
    skip_preflight: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

impl UpArgs {
    fn selection(&self) -> Selection {
        let selection = self.targets.narrow(self.selected.selection());
        self.deletions.extend(self.replacements.extend(selection))
    }
}

pub(in crate::cli) async fn run(app: &App, args: &UpArgs) -> Result<u8, Failure> {
    let saved = args.plan.as_deref().map(SavedPlan::read).transpose()?;
    let selection = saved.as_ref().map_or_else(|| args.selection(), |saved| saved.selection().clone());
    let up = Up { app, request: Request { command: "up", selection }, saved: saved.as_ref() };
    let (observed, approval) = up.preview(args.yes).await?;
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("up", reporter.events()).await?;
    let plan = up.plan(&session.context, observed, &approval).await;
    let (session, plan) = session.or_close(plan).await?;
    let plan = app.estimated(plan);
    let is_checked = !args.skip_preflight && preflight::is_worthwhile(&app.workspace, &plan);
    let checked = if is_checked { up.preflight(&session.context, &plan).await } else { Ok(()) };
    let (session, ()) = session.or_close(checked).await?;
    reporter.plan(&plan, session.context.cloud.clock());
    // It is one of the checks.
    if !is_checked {
        session.warn_of_expiry(Duration::from_secs(plan.expected_seconds));
    }
    let report = infra_core::engine::up(&session.context, plan).await;
    release_orphaned(&session.context).await;
    let failed = report.as_ref().is_ok_and(|report| report.outcome == Outcome::Failed);
    let rolled_back = match failed && args.rollback_on_failure {
        true => Some(up.roll_back(&session.context).await),
        false => None,
    };
    reporter.finish();
    let state = session.context.journal.read(Clone::clone);
    let (reads, mutations) = (session.context.calls.reads(), session.context.calls.mutations());
    session.close().await;
    let selection = &up.request.selection;
    if let Some(rolled_back) = rolled_back {
        // What cannot be undone matters more than why it was to be undone.
        let RolledBack { rest, exit } = rolled_back?;
        let error = unfinished(&app.options, &report?, &app.rerun_command("up", selection));
        let remains = match rest.as_slice() {
            [] => "nothing of this `up`: everything that it did was undone".to_owned(),
            rest => format!("everything that can be undone was undone; {}", rest.join("; ")),
        };
        return Err(CliError { unchanged: Some(remains), exit, ..error }.into());
    }
    Ok(end_of_up(&app.options, &UpEnd { report: &report?, state: &state, reads, mutations, selection })?)
}

/// What was requested.
struct Up<'a> {
    app: &'a App,
    request: Request,
    saved: Option<&'a SavedPlan>,
}

/// The result of a refresh before the confirmation.
struct Observed {
    drift: DriftReport,
    /// The record number of the state at that time.
    seq: u64,
    has_changes: bool,
}

impl Up<'_> {
    fn build_plan(&self, state: &State, drift: Option<&DriftReport>) -> Result<Plan, Error> {
        build_plan(&self.app.workspace, state, &self.request.selection, drift)
    }

    fn check(&self, plan: &Plan, state: &State) -> Result<(), Error> {
        preconditions::check(&self.app.workspace.config, &self.request, plan, state)
    }

    /// Plans without the lock, and asks for confirmation. Everything that can be refused is refused here. Without a
    /// refresh, the answers of AWS can still resolve a refusal.
    async fn preview(&self, yes: bool) -> Result<(Option<Observed>, Approval), Failure> {
        let Self { app, request: Request { selection, .. }, saved } = self;
        let state = app.workspace.with_accounts(app.workspace.read_usable_state().await?).await?;
        let stack = app.workspace.config.stack.id();
        saved.map_or(Ok(()), |saved| saved.matches_state(&state, &stack))?;
        let (preview, drift) = match saved {
            Some(saved) => (self.build_plan(&state, saved.drift())?, saved.drift().cloned()),
            None if yes => (self.build_plan(&state, None)?, None),
            None => {
                let planned = plan_refreshed(&app.workspace, &state, selection)
                    .await
                    .map_err(|error| app.explain_unreadable(error, "plan --offline", selection))?;
                (planned.plan, planned.refreshed.map(|refreshed| refreshed.drift))
            }
        };
        saved.map_or(Ok(()), |saved| saved.same_plan(&preview))?;
        if drift.is_some() || !yes {
            self.check(&preview, &state)?;
        }
        let mut approval = Approval::preapproved();
        if !yes {
            if !app.options.is_json() {
                show_plan(&app.options, &app.estimated(preview.clone()), false);
            }
            confirm(&format!("\nExecute this plan in {}?", app.options.place()), false)?;
            approval = Approval::of(preview.digest());
        }
        let has_changes = preview.changes_something();
        Ok((drift.map(|drift| Observed { drift, seq: state.seq, has_changes }), approval))
    }

    /// Plans under the lock. A saved or approved plan requires a new refresh, and must still be the same. Only if there
    /// was nothing to do, the first refresh is enough.
    async fn plan(&self, context: &Context, observed: Option<Observed>, approval: &Approval) -> Result<Plan, Error> {
        let Self { app, request: Request { selection, .. }, saved } = self;
        let workspace = &app.workspace;
        let state = context.journal.read(Clone::clone);
        saved.map_or(Ok(()), |saved| saved.matches_state(&state, &workspace.config.stack.id()))?;
        let plan = match (saved, observed) {
            (Some(saved), _) => {
                let drift = refresh_in_session(workspace, &state, selection, context).await?.drift;
                saved.matches_drift(&drift)?;
                let planned = self.build_plan(&state, saved.drift())?;
                saved.same_plan(&planned)?;
                approval.verify(&planned.digest())?;
                let plan = self.build_plan(&state, Some(&drift))?;
                saved.equivalent(&planned, &plan)?;
                plan
            }
            (None, Some(observed)) if observed.seq == state.seq && !observed.has_changes => {
                self.build_plan(&state, Some(&observed.drift))?
            }
            (None, _) => {
                let drift = refresh_in_session(workspace, &state, selection, context).await?.drift;
                let plan = self.build_plan(&state, Some(&drift))?;
                approval.verify(&plan.digest())?;
                plan
            }
        };
        self.check(&plan, &state)?;
        record_moves(context, &workspace.config).await?;
        Ok(plan)
    }

    /// Refuses a plan that cannot be carried out to its end, before its first change.
    async fn preflight(&self, context: &Context, plan: &Plan) -> Result<(), Failure> {
        let workspace = &self.app.workspace;
        let state = context.journal.read(Clone::clone);
        let reads = context.read_context();
        let findings = preflight::check(workspace, &reads, &state, plan, &self.request.selection).await?;
        if let Some(refusal) = refusal(&findings) {
            return Err(refusal.into());
        }
        for finding in findings.into_iter().filter(|finding| finding.verdict == preflight::Verdict::Warn) {
            let text = format!("{}: {}", finding.check, finding.detail);
            context.events.send(Event::Notice { address: None, text });
        }
        Ok(())
    }

    /// Undoes at once what this `up` did, under the same lock.
    async fn roll_back(&self, context: &Context) -> Result<RolledBack, Failure> {
        let config = &self.app.workspace.config;
        let selection = &self.request.selection;
        let rollback = context.journal.read(|state| plan_immediate(config, state, selection))?;
        let rest = left_unchanged(&rollback);
        for text in rest.clone() {
            context.events.send(Event::Notice { address: None, text });
        }
        let exit = if rollback.lost.is_empty() { Exit::Failed } else { Exit::Stuck };
        let report = infra_core::engine::rollback(context, rollback.plan).await?;
        end_of_rollback(self.app, &report, &[])?;
        Ok(RolledBack { rest, exit })
    }
}

/// The result of an immediate rollback.
struct RolledBack {
    /// What is not as it was.
    rest: Vec<String>,
    /// The exit code of the `up`.
    exit: Exit,
}
