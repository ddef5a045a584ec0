//! `down`: deletes everything that the stack created.

use std::time::Duration;

use clap::Args;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::options::{EnvironmentArgs, TargetArgs};
use crate::cli::ui::{DownEnd, Reporter, confirm, end_of_down, show_plan};
use infra_aws::Tagged;
use infra_core::engine::{Context, Outcome};
use infra_core::events::Event;
use infra_core::plan::Plan;
use infra_migration::rotation::release_orphaned;
use infra_workflow::approval::Approval;
use infra_workflow::{Error, Selection, apply_in_memory, deletion, environments, plan_with_moves};

/// Delete everything that this stack created, and nothing else.
///
/// It waits until AWS no longer lists a resource, and continues with independent resources when a deletion fails. At
/// the end nothing is left, or it lists what is left, why, and what to run.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra down --sandbox -y\n  migrate-infra down --env source")]
pub struct DownArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &DownArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = apply_in_memory(&workspace.config, &workspace.read_usable_state().await?);
    let selection = &args.targets.narrow(args.environments.selection());
    environments::check(selection, &environments::known(&workspace.config, &state))?;
    let preview = deletion::plan(workspace, &state, selection)?;
    let mut approval = Approval::preapproved();
    if !args.yes {
        if !app.options.is_json() {
            show_plan(&app.options, &app.estimated(preview.clone()), false);
        }
        let count = preview.steps.len();
        confirm(&format!("\nDelete these {count} resources from {}?", app.options.place()), false)?;
        approval = Approval::of(preview.digest());
    }
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("down", reporter.events()).await?;
    let plan = plan_with_moves(&session.context, &workspace.config, |state| {
        let plan = deletion::plan(workspace, state, selection)?;
        approval.verify(&plan.digest())?;
        Ok::<_, Error>(plan)
    });
    let plan = plan.await;
    let (session, plan) = session.or_close(plan).await?;
    let plan = app.estimated(plan);
    reporter.plan(&plan, session.context.cloud.clock());
    session.warn_of_expiry(Duration::from_secs(plan.expected_seconds));
    let done = plan.clone();
    let report = infra_core::engine::down(&session.context, plan).await;
    release_orphaned(&session.context).await;
    let leftovers = match &report {
        Ok(report) if report.outcome == Outcome::Done && selection.targets.is_empty() => {
            leftovers(app, &session.context, &done, selection).await
        }
        _ => Vec::new(),
    };
    reporter.finish();
    let remaining = session.context.journal.read(|state| state.resources.len());
    session.close().await;
    Ok(end_of_down(&app.options, &DownEnd { report: &report?, leftovers: &leftovers, remaining, selection })?)
}

/// Returns what AWS still lists with this stack's tags.
async fn leftovers(app: &App, context: &Context, done: &Plan, selection: &Selection) -> Vec<Tagged> {
    match deletion::leftovers(&app.workspace, context, done, selection).await {
        Ok(found) => found,
        Err(error) => {
            let text = format!(
                "AWS did not list the resources with this stack's tags, so only the state was checked: {error}"
            );
            context.events.send(Event::Notice { address: None, text });
            Vec::new()
        }
    }
}
