//! `down`: delete all that the stack created.

use clap::Args;

use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::Reporter;
use super::run::line;
use super::session::{self, Session};
use super::{plan, report};
use crate::aws::Tagged;
use crate::config::Config;
use crate::engine::{Context, Outcome, leftovers};
use crate::events::Event;
use crate::plan::{Plan, plan_down};
use crate::state::State;

/// Deletes all that this stack created, and nothing else.
///
/// It waits until each thing is really gone, keeps going on independent branches when one deletion fails, and ends with
/// nothing left, or with a list of what is left, why, and what to run.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra down --sandbox -y\n  migrate-infra down --env source")]
pub struct DownArgs {
    #[command(flatten)]
    chosen: Chosen,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &DownArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let known: Vec<String> = config.environments.iter().map(|environment| environment.name.clone()).collect();
    session::check_chosen(&args.chosen, &known)?;
    let preview = make(&session::peek(globals, &config)?, args)?;
    if !args.yes {
        if globals.output == OutputFormat::Text {
            plan::show(&preview);
        }
        let count = preview.steps.len();
        confirm(&format!("\nDelete these {count} resources from {}?", if globals.sandbox { "the sandbox" } else { "AWS" }), false)?;
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "down", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let plan = session.context.journal.read(|state| make(state, args))?;
    reporter.plan(&plan, session.context.cloud.clock());
    let done = plan.clone();
    let report = crate::engine::down(&session.context, plan).await;
    let listed = match &report {
        Ok(report) if report.outcome == Outcome::Done => left_behind(&session.context, &config, &done, args).await,
        _ => Vec::new(),
    };
    reporter.finish();
    session.close().await?;
    report::end_of_down(globals, &report?, &listed, &args.chosen)
}

/// Asks AWS what still carries this stack's tags.
async fn left_behind(context: &Context, config: &Config, done: &Plan, args: &DownArgs) -> Vec<Tagged> {
    let regions =
        config.environments.iter().map(|environment| environment.region.clone()).chain(done.steps.iter().map(|step| step.region.clone())).collect();
    match leftovers(context, &regions, done).await {
        Ok(found) => found.into_iter().filter(|thing| args.chosen.includes(thing.address.environment())).collect(),
        Err(error) => {
            let text = format!("AWS did not list what carries this stack's tags, so only the state was checked: {error}");
            context.events.send(Event::Notice { address: None, text });
            Vec::new()
        }
    }
}

fn make(state: &State, args: &DownArgs) -> Result<Plan, CliError> {
    plan_down(state, &|environment| args.chosen.includes(environment)).map_err(|needed| {
        let mut users: Vec<&str> = needed.0.iter().map(|(_, user)| user.environment()).collect();
        users.dedup();
        CliError::new(Exit::Refused, needed.to_string())
            .remains("nothing was changed")
            .hint(format!("run `migrate-infra down --env {}` first, or `down` without --env for everything", users.join(" --env ")))
    })
}

/// Says in text mode that there was nothing to do.
pub(super) fn say(globals: &Globals, text: &str) {
    if globals.output == OutputFormat::Text {
        line(text);
    }
}
