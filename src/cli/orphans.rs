//! `orphans`: what carries this stack's tags and is not in its state.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::{self, Reporter};
use super::run::line;
use super::session::{self, Session};
use super::{down, moves, protection};
use crate::address::{Address, Region};
use crate::aws::{AwsError, Tagged, tagged_roles};
use crate::config::Config;
use crate::engine::{Context, Outcome, Report, leftovers};
use crate::events::Events;
use crate::graph::Graph;
use crate::plan::{plan_delete, plan_find};
use crate::state::State;

/// Shows what carries this stack's ownership tags and is not in its state: what a lost or old state has left behind.
///
/// It asks AWS for everything with the tags, in all regions of the stack, and for roles, which AWS does not list by tag. `--adopt` takes
/// what is found into the state, with all that belongs to it; `--delete` deletes it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra orphans --sandbox\n  migrate-infra orphans --adopt")]
pub struct OrphansArgs {
    /// Delete them.
    #[arg(long, conflicts_with = "adopt")]
    delete: bool,
    /// Take them into the state; nothing in AWS is changed.
    #[arg(long)]
    adopt: bool,
    /// Exit with 4 when there are orphans.
    #[arg(long, conflicts_with_all = ["delete", "adopt"])]
    exit_code: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &OrphansArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let graph = crate::stack::build(&config)?;
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "orphans", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let settled = settle(globals, args, &config, &graph, &session.context).await;
    reporter.finish();
    session.close().await;
    settled
}

async fn settle(globals: &Globals, args: &OrphansArgs, config: &Config, graph: &Graph, context: &Context) -> Result<u8, CliError> {
    let found = orphans(context, config, graph).await.map_err(|error| {
        CliError::new(Exit::Cloud, "AWS did not list what carries this stack's tags").because_text(&error.to_string()).remains("nothing was changed")
    })?;
    show(globals, &found);
    if found.is_empty() || !(args.adopt || args.delete) {
        if !found.is_empty() && globals.output == OutputFormat::Text {
            let command = again(globals, "orphans", &Chosen::default());
            line(&format!("`{command} --adopt` takes them into the state, `{command} --delete` deletes them"));
        }
        return Ok(if args.exit_code && !found.is_empty() { Exit::Changes as u8 } else { 0 });
    }
    let what = if args.adopt { "Take them, and what belongs to them, into the state" } else { "Delete them, and what belongs to them" };
    confirm(&format!("\n{what}?"), args.yes)?;
    moves::check(config, graph)?;
    moves::carry_out(context, config).await?;
    let before: BTreeSet<Address> = context.journal.read(|state| state.resources.keys().cloned().collect());
    let plan = context.journal.read(|state| plan_find(graph, state));
    let report = crate::engine::find(context, "orphans", plan, &config.renamed()).await?;
    succeeded(globals, &report)?;
    let taken: BTreeSet<Address> =
        context.journal.read(|state| state.resources.keys().filter(|address| !before.contains(*address)).cloned().collect());
    if args.adopt {
        down::say(
            globals,
            &format!(
                "{} resources were taken into the state; `{}` brings them to the configuration",
                taken.len(),
                again(globals, "up", &Chosen::default())
            ),
        );
    } else {
        let plan = context.journal.read(|state| plan_delete(state, &taken, "it is an orphan"));
        let plan =
            plan.map_err(|needed| CliError::new(Exit::Refused, needed.to_string()).remains("they are in the state now; nothing was deleted"))?;
        protection::refuse(&plan, config, Exit::Refused).map_err(|error| error.remains("they are in the state now; nothing was deleted"))?;
        let report = crate::engine::down(context, plan).await?;
        if report.outcome != Outcome::Done {
            let error = report::unfinished(globals, &report, &again(globals, "down", &Chosen::default()));
            return Err(CliError { hints: Vec::new(), ..error }.hint(format!(
                "what remains is in the state now, like everything else: `{}` deletes all of the stack, `{}` keeps and completes it",
                again(globals, "down", &Chosen::default()),
                again(globals, "up", &Chosen::default())
            )));
        }
        down::say(globals, &format!("{} resources deleted", report.changed));
    }
    let rest = orphans(context, config, graph).await.unwrap_or_default();
    if rest.is_empty() {
        return Ok(0);
    }
    // Their addresses are taken by others, or the configuration does not have them any more.
    let mut error = CliError::new(Exit::Failed, format!("{} orphans could not be settled", rest.len()));
    error.causes = rest.iter().map(|thing| format!("{} is tagged as {}", thing.arn, thing.address)).collect();
    Err(error
        .remains("they were not touched")
        .hint("another thing has their address, or the configuration no longer has it: delete them by hand, or take their tags off"))
}

fn succeeded(globals: &Globals, report: &Report) -> Result<(), CliError> {
    if report.outcome == Outcome::Done { Ok(()) } else { Err(report::unfinished(globals, report, &again(globals, "orphans", &Chosen::default()))) }
}

/// Everything with this stack's tags that is not in its state.
async fn orphans(context: &Context, config: &Config, graph: &Graph) -> Result<Vec<Tagged>, AwsError> {
    let of_state = context.journal.read(|state| state.resources.values().map(|entry| entry.region.clone()).collect::<Vec<_>>());
    let regions: BTreeSet<Region> = graph.nodes().values().map(|node| node.region.clone()).chain(of_state).collect();
    // What is asked now is not part of the events of a run.
    let quiet = Context { events: Events::nowhere(), ..context.clone() };
    let mut found = leftovers(&quiet, &regions, &plan_find(&Graph::default(), &State::empty())).await?;
    if let Some(home) = regions.first() {
        let roles = tagged_roles(&context.cloud, &context.meter, home, &context.stack, &config.stack.suffix).await?;
        found.extend(roles.into_iter().filter(|role| context.journal.read(|state| !state.knows_tagged_as(&role.address))));
    }
    found.sort_by(|one, other| (&one.address, &one.arn).cmp(&(&other.address, &other.arn)));
    found.dedup_by(|one, other| one.arn == other.arn);
    Ok(found)
}

fn show(globals: &Globals, found: &[Tagged]) {
    if globals.output == OutputFormat::Json {
        line(&json!({ "orphans": found }).to_string());
        return;
    }
    let width = found.iter().map(|thing| thing.address.as_str().len()).max().unwrap_or(0);
    for thing in found {
        line(&format!("{:width$}  {}", thing.address, thing.arn));
    }
    line(&match found.len() {
        0 => "no orphans: everything with this stack's tags is in its state".to_owned(),
        1 => "one thing carries this stack's tags and is not in its state".to_owned(),
        many => format!("{many} things carry this stack's tags and are not in its state"),
    });
}
