//! `up`: create or change until the cloud matches.

use clap::Args;

use super::args::{Chosen, Globals, OutputFormat, Targets};
use super::confirm::confirm;
use super::failure::CliError;
use super::report::Reporter;
use super::session::{self, Session};
use super::{plan, report, rollback};
use crate::engine::Outcome;

/// Creates or changes until the cloud matches the configuration.
///
/// It looks at every resource, creates what is missing and changes what differs. It is safe to run at any time: when
/// nothing differs it changes nothing, and after a failure or a kill it goes on where the last run stopped.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra up --env source --sandbox -y\n  migrate-infra up -y --output json > events.jsonl")]
pub struct UpArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
    /// When something fails, undo at once what was done, as `rollback` does.
    #[arg(long)]
    rollback_on_failure: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &UpArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let chosen = &args.targets.of(&args.chosen);
    let preview = plan::make(globals, &config, &session::peek(globals, &config).await?, chosen)?;
    plan::possible(&preview, &config, globals, chosen)?;
    if !args.yes {
        if globals.output == OutputFormat::Text {
            plan::show(&preview);
        }
        confirm(&format!("\nCarry this out in {}?", if globals.sandbox { "the sandbox" } else { "AWS" }), false)?;
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "up", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    // The state may have moved on while the question was asked.
    let plan = session.context.journal.read(|state| plan::make(globals, &config, state, chosen));
    let plan = plan.and_then(|plan| plan::possible(&plan, &config, globals, chosen).map(|()| plan));
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
    let mutations = session.context.meter.mutations();
    session.close().await;
    if let Some(undone) = undone {
        // What can not be undone counts more than why it was to be.
        let rest = undone?;
        let error = report::unfinished(&report?, &super::again::again(globals, "up", chosen));
        let remains = match rest.as_slice() {
            [] => "nothing of this `up`: all that it did was undone".to_owned(),
            some => format!("all that could be undone was; {}", some.join("; ")),
        };
        return Err(CliError { remains: Some(remains), ..error });
    }
    let code = report::end_of_up(globals, &report?, &state, mutations, chosen)?;
    Ok(code)
}
