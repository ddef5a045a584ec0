//! `up`: create or change until the cloud matches.

use std::path::PathBuf;

use clap::Args;

use super::agreed::Agreed;
use super::args::{Chosen, Deletions, Globals, OutputFormat, Replacements, Targets};
use super::confirm::confirm;
use super::failure::CliError;
use super::report::Reporter;
use super::saved::Saved;
use super::session::{self, Session};
use super::{moves, plan, possible, report, rollback};
use crate::config::Config;
use crate::engine::{Context, Outcome};
use crate::plan::{Findings, Plan};
use crate::state::State;

/// Creates or changes until the cloud matches the configuration.
///
/// It looks at every resource, creates what is missing and changes what differs. It is safe to run at any time: when
/// nothing differs it changes nothing, and after a failure or a kill it goes on where the last run stopped.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra up --env source --sandbox -y\n  migrate-infra plan --out plan.json && migrate-infra up plan.json\n  migrate-infra up -y --output json > events.jsonl"
)]
pub struct UpArgs {
    /// Carry out exactly this plan, which `plan --out FILE` wrote. It is refused when the state, the configuration or what exists has changed since.
    #[arg(value_name = "FILE", conflicts_with_all = ["environments", "addresses", "replaced", "deleted"])]
    plan: Option<PathBuf>,
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    replacements: Replacements,
    #[command(flatten)]
    deletions: Deletions,
    /// When something fails, undo at once what was done, as `rollback` does.
    #[arg(long)]
    rollback_on_failure: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &UpArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let saved = args.plan.as_deref().map(Saved::read).transpose()?;
    let chosen = &match &saved {
        Some(saved) => saved.chosen(),
        None => args.deletions.of(args.replacements.of(args.targets.of(&args.chosen))),
    };
    let request = Request { globals, config: &config, chosen, saved: saved.as_ref() };
    let (found, agreed) = request.preview(args.yes).await?;
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "up", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let plan = request.plan(&session.context, found, &agreed).await;
    let (session, plan) = session.or_close(plan).await?;
    reporter.plan(&plan, session.context.cloud.clock());
    let report = crate::engine::up(&session.context, plan).await;
    let failed = report.as_ref().is_ok_and(|report| report.outcome == Outcome::Failed);
    let undone = match failed && args.rollback_on_failure {
        true => Some(rollback::at_once(globals, &config, &session.context, chosen).await),
        false => None,
    };
    reporter.finish();
    let state = session.context.journal.read(Clone::clone);
    let calls = (session.context.meter.reads(), session.context.meter.mutations());
    session.close().await;
    if let Some(undone) = undone {
        // What can not be undone counts more than why it was to be.
        let rollback::Undone { rest, exit } = undone?;
        let error = report::unfinished(globals, &report?, &super::again::again(globals, "up", chosen));
        let remains = match rest.as_slice() {
            [] => "nothing of this `up`: all that it did was undone".to_owned(),
            some => format!("all that could be undone was; {}", some.join("; ")),
        };
        return Err(CliError { remains: Some(remains), exit, ..error });
    }
    let code = report::end_of_up(globals, &report?, &state, calls, chosen)?;
    Ok(code)
}

/// What was asked for.
struct Request<'a> {
    globals: &'a Globals,
    config: &'a Config,
    chosen: &'a Chosen,
    saved: Option<&'a Saved>,
}

/// What a look has found, where the state was then, and whether anything is to be done.
struct Found {
    findings: Findings,
    seq: u64,
    changes: bool,
}

impl Request<'_> {
    fn possible(&self, plan: &Plan, state: &State) -> Result<(), CliError> {
        let Self { globals, config, chosen, .. } = *self;
        possible::check(&possible::Asked { verb: "up", globals, config, chosen }, plan, state)
    }

    /// Plans without the lock, and asks. Whatever can be refused is refused here; without a look, what AWS says may still make it possible.
    async fn preview(&self, yes: bool) -> Result<(Option<Found>, Agreed), CliError> {
        let Self { globals, config, chosen, saved } = self;
        let state = session::peek(globals, config).await?;
        let stack = config.stack.id();
        saved.map_or(Ok(()), |saved| saved.fits(globals, &state, &stack))?;
        let findings = match saved {
            Some(saved) => saved.findings().cloned(),
            None if yes => None,
            None => plan::looked(globals, config, &state, chosen, "plan").await?.map(|looked| looked.findings),
        };
        let preview = plan::make(globals, config, &state, chosen, findings.as_ref())?;
        saved.map_or(Ok(()), |saved| saved.is_same(globals, &preview))?;
        if findings.is_some() || !yes {
            self.possible(&preview, &state)?;
        }
        let mut agreed = Agreed::unasked();
        if !yes {
            if globals.output == OutputFormat::Text {
                report::show_plan(globals, &preview, false);
            }
            confirm(&format!("\nCarry this out in {}?", if globals.sandbox { "the sandbox" } else { "AWS" }), false)?;
            agreed = Agreed::to(preview.digest());
        }
        let changes = preview.changes_something();
        Ok((findings.map(|findings| Found { findings, seq: state.seq, changes }), agreed))
    }

    /// Plans under the lock. What a saved plan is made of, and what somebody has said yes to, is looked at again: what is planned then has to be
    /// just that. Only where there was nothing to do, one look is enough.
    async fn plan(&self, context: &Context, found: Option<Found>, agreed: &Agreed) -> Result<Plan, CliError> {
        let Self { globals, config, chosen, saved } = self;
        let state = context.journal.read(Clone::clone);
        saved.map_or(Ok(()), |saved| saved.fits(globals, &state, &config.stack.id()))?;
        let look = || plan::looked_with(globals, config, &state, chosen, context);
        let plan = match (saved, found) {
            (Some(saved), _) => {
                let findings = look().await?.findings;
                saved.is_of(globals, &findings)?;
                let planned = plan::make(globals, config, &state, chosen, saved.findings())?;
                saved.is_same(globals, &planned)?;
                agreed.covers(&planned.digest())?;
                let plan = plan::make(globals, config, &state, chosen, Some(&findings))?;
                saved.does_the_same(globals, &planned, &plan)?;
                plan
            }
            (None, Some(found)) if found.seq == state.seq && !found.changes => plan::make(globals, config, &state, chosen, Some(&found.findings))?,
            (None, _) => {
                let findings = look().await?.findings;
                let plan = plan::make(globals, config, &state, chosen, Some(&findings))?;
                agreed.covers(&plan.digest())?;
                plan
            }
        };
        self.possible(&plan, &state)?;
        moves::carry_out(context, config).await?;
        Ok(plan)
    }
}
