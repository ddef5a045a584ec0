//! `orphans`: resources that carry this stack's tags and are not in its state.

use std::collections::BTreeSet;

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, stdout, unfinished};
use infra_aws::Tagged;
use infra_base::address::Address;
use infra_core::engine::{Context, Outcome};
use infra_core::graph::Graph;
use infra_workflow::Error;
use infra_workflow::orphans::{list, plan_deletion, plan_import};

/// Show, adopt or delete resources that carry this stack's tags and are not in its state.
///
/// They are what a lost or outdated state has left behind. It queries AWS for everything with the tags, in all regions
/// of the stack, and for roles, which AWS does not list by tag. `--adopt` imports what is found into the state, with
/// everything that belongs to it; `--delete` deletes it.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra orphans --sandbox\n  migrate-infra orphans --adopt")]
pub struct OrphansArgs {
    /// Delete them.
    #[arg(long, conflicts_with = "adopt")]
    delete: bool,
    /// Import them into the state; nothing in AWS is changed.
    #[arg(long)]
    adopt: bool,
    /// Exit with 4 if there are orphans.
    #[arg(long, conflicts_with_all = ["delete", "adopt"])]
    exit_code: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &OrphansArgs) -> Result<u8, Failure> {
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("orphans", reporter.events()).await?;
    let graph = session.context.journal.read(|state| infra_workflow::graph(&app.workspace.config, state));
    let (session, graph) = session.or_close(graph).await?;
    let code = resolve(app, args, &graph, &session.context).await;
    reporter.finish();
    session.close().await;
    code
}

/// Lists the orphans, and imports or deletes them if requested.
async fn resolve(app: &App, args: &OrphansArgs, graph: &Graph, context: &Context) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let found = list(config, context, graph).await.map_err(Error::Listing)?;
    show(app, &found);
    if found.is_empty() || !(args.adopt || args.delete) {
        if !found.is_empty() {
            let command = app.command("orphans");
            app.info(&format!("`{command} --adopt` imports them into the state, `{command} --delete` deletes them"));
        }
        return Ok(if args.exit_code && !found.is_empty() { Exit::Changes as u8 } else { 0 });
    }
    let question = if args.adopt {
        "Import them, and what belongs to them, into the state"
    } else {
        "Delete them, and what belongs to them"
    };
    confirm(&format!("\n{question}?"), args.yes)?;
    let before: BTreeSet<Address> = addresses(context);
    let plan = plan_import(config, context, graph).await?;
    let report = infra_core::engine::find(context, "orphans", plan, &config.moved_addresses()).await?;
    if report.outcome != Outcome::Done {
        return Err(unfinished(&app.options, &report, &app.command("orphans")).into());
    }
    let imported: BTreeSet<Address> = addresses(context).difference(&before).cloned().collect();
    if args.adopt {
        app.info(&format!(
            "{} resources were imported into the state; `{}` applies the configuration to them",
            imported.len(),
            app.command("up")
        ));
    } else {
        delete(app, context, &imported).await?;
    }
    let rest = list(config, context, graph).await.unwrap_or_default();
    if rest.is_empty() {
        return Ok(0);
    }
    // Another resource has their address, or the configuration no longer contains it.
    let mut error = CliError::new(Exit::Failed, format!("{} orphans could not be resolved", rest.len()));
    error.causes = rest.iter().map(|resource| format!("{} is tagged as {}", resource.arn, resource.address)).collect();
    Err(error
        .unchanged("they were not touched")
        .hint(
            "another resource has their address, or the configuration no longer contains it: delete them manually, \
             or remove their tags",
        )
        .into())
}

async fn delete(app: &App, context: &Context, imported: &BTreeSet<Address>) -> Result<(), Failure> {
    let plan = plan_deletion(&app.workspace.config, context, imported)
        .map_err(|error| app.explain(error).unchanged("they are in the state now; nothing was deleted"))?;
    let report = infra_core::engine::down(context, plan).await?;
    if report.outcome != Outcome::Done {
        let (down, up) = (app.command("down"), app.command("up"));
        let error = CliError { hints: Vec::new(), ..unfinished(&app.options, &report, &down) };
        return Err(error
            .hint(format!(
                "what remains is in the state now: `{down}` deletes the whole stack, `{up}` keeps and completes it"
            ))
            .into());
    }
    app.info(&format!("{} resources deleted", report.changed));
    Ok(())
}

fn addresses(context: &Context) -> BTreeSet<Address> {
    context.journal.read(|state| state.resources.keys().cloned().collect())
}

fn show(app: &App, found: &[Tagged]) {
    if app.options.is_json() {
        return stdout(&json!({ "orphans": found }).to_string());
    }
    let width = found.iter().map(|resource| resource.address.as_str().len()).max().unwrap_or(0);
    for resource in found {
        stdout(&format!("{:width$}  {}", resource.address, resource.arn));
    }
    stdout(&match found.len() {
        0 => "no orphans: everything with this stack's tags is in its state".to_owned(),
        1 => "one resource carries this stack's tags and is not in its state".to_owned(),
        many => format!("{many} resources carry this stack's tags and are not in its state"),
    });
}
