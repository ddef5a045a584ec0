//! `down`: delete all that the stack created.

use std::collections::BTreeSet;

use clap::Args;

use super::agreed::Agreed;
use super::args::{Chosen, Globals, OutputFormat, Targets};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::Reporter;
use super::run::line;
use super::session::{self, Session};
use super::{moves, plan, protection, report};
use crate::address::Address;
use crate::aws::Tagged;
use crate::config::Config;
use crate::engine::{Context, Outcome, leftovers};
use crate::events::{Event, Events};
use crate::plan::{Plan, plan_down, plan_up};
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
    #[command(flatten)]
    targets: Targets,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &DownArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = moves::renamed(&config, &session::peek(globals, &config).await?);
    let chosen = &args.targets.of(&args.chosen);
    session::check_chosen(chosen, &session::environments(&config, &state))?;
    let preview = make(globals, &config, &state, chosen)?;
    let mut agreed = Agreed::unasked();
    if !args.yes {
        if globals.output == OutputFormat::Text {
            report::show_plan(globals, &preview, false);
        }
        let count = preview.steps.len();
        confirm(&format!("\nDelete these {count} resources from {}?", if globals.sandbox { "the sandbox" } else { "AWS" }), false)?;
        agreed = Agreed::to(preview.digest());
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "down", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let plan = moves::planned(&session.context, &config, |state| {
        let plan = make(globals, &config, state, chosen)?;
        agreed.covers(&plan.digest()).map(|()| plan)
    });
    let plan = plan.await;
    let (session, plan) = session.or_close(plan).await?;
    reporter.plan(&plan, session.context.cloud.clock());
    let done = plan.clone();
    let report = crate::engine::down(&session.context, plan).await;
    let listed = match &report {
        Ok(report) if report.outcome == Outcome::Done && chosen.targets.is_empty() => left_behind(&session.context, &config, &done, chosen).await,
        _ => Vec::new(),
    };
    reporter.finish();
    let remaining = session.context.journal.read(|state| state.resources.len());
    session.close().await;
    let code = report::end_of_down(globals, &report?, &listed, remaining, chosen)?;
    Ok(code)
}

/// Asks AWS what still carries this stack's tags.
async fn left_behind(context: &Context, config: &Config, done: &Plan, chosen: &Chosen) -> Vec<Tagged> {
    let regions =
        config.environments.iter().map(|environment| environment.region.clone()).chain(done.steps.iter().map(|step| step.region.clone())).collect();
    // The run has ended; what is asked now is not part of its events.
    let quiet = Context { events: Events::nowhere(), ..context.clone() };
    // Of what an earlier run has deleted, the configuration tells how to look for it.
    let mut looked = done.clone();
    let all = crate::stack::build(config).ok().and_then(|graph| plan_up(&graph, &State::empty(), &|_| true).ok());
    let known: BTreeSet<&Address> = done.steps.iter().map(|step| &step.address).collect();
    looked.steps.extend(all.into_iter().flat_map(|plan| plan.steps).filter(|step| !known.contains(&step.address)));
    match leftovers(&quiet, &regions, &looked).await {
        Ok(found) => found.into_iter().filter(|thing| chosen.includes(thing.address.environment())).collect(),
        Err(error) => {
            let text = format!("AWS did not list what carries this stack's tags, so only the state was checked: {error}");
            context.events.send(Event::Notice { address: None, text });
            Vec::new()
        }
    }
}

fn make(globals: &Globals, config: &Config, state: &State, chosen: &Chosen) -> Result<Plan, CliError> {
    let graph = crate::stack::build(config)?;
    moves::check(config, &graph)?;
    let plan = plan_down(state, &|environment| chosen.includes(environment)).map_err(|needed| {
        let mut error = CliError::new(Exit::Refused, needed.to_string());
        error.causes = plan::some(&needed.uses.iter().map(|(doomed, user)| format!("{doomed} is in use by {user}")).collect::<Vec<_>>());
        let error = error.remains("nothing was changed");
        // Where traffic goes is nothing to delete first.
        let others = needed.environments();
        let is_in_use = state.migration.live.is_some_and(|live| live > 0) && others.iter().any(|name| ["routing", "target"].contains(name));
        let error = if is_in_use { error } else { error.hint(plan::first(globals, "down", &others, chosen)) };
        let up = super::again::again(globals, "up", &Chosen::default());
        error.hint(format!("what stays lets go of what you take out of the configuration, and `{up}` deletes that"))
    })?;
    let mut plan = plan::narrow(plan, chosen)?;
    protection::check(config, &graph, state)?;
    protection::refuse(&plan, config, Exit::Refused)?;
    plan.delete_as_configured(&graph);
    protection::refuse_in_aws(&plan, &graph)?;
    Ok(plan)
}

/// Says in text mode that there was nothing to do.
pub(super) fn say(globals: &Globals, text: &str) {
    if globals.output == OutputFormat::Text {
        line(text);
    }
}
