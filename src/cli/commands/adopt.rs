//! `adopt`: imports an existing resource into the state.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, describe_change, stdout, unfinished};
use infra_base::shell::quote;
use infra_core::engine::{Adoption, Outcome, inspect};
use infra_core::plan::Step;
use infra_workflow::adoption::{refusal, select};
use infra_workflow::{apply_in_memory, plan_with_moves};

/// Import an existing resource into the state.
///
/// This stack manages it from now on. It first compares the resource with the configuration. It adds the ownership
/// tags; nothing else is changed before the next `up`.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra adopt source/network/vpc vpc-0123456789abcdef0 --dry-run\n  \
                        migrate-infra adopt source/database-source/instance payment-db-source-source-dev-001")]
pub struct AdoptArgs {
    /// The address of the resource, as `plan` shows it.
    #[arg(value_name = "ADDRESS")]
    address: String,
    /// The AWS id, name or ARN of the resource.
    #[arg(value_name = "ID")]
    id: String,
    /// Only show the differences.
    #[arg(long)]
    dry_run: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &AdoptArgs) -> Result<u8, Failure> {
    let (workspace, AdoptArgs { address, id, .. }) = (&app.workspace, args);
    let state = workspace.with_accounts(workspace.read_usable_state().await?).await?;
    let state = apply_in_memory(&workspace.config, &state);
    let step = select(workspace, &state, address, id)?;
    let context = workspace.connect_read_only().await?;
    let found = inspect(&context, &state, &step, id)
        .await
        .map_err(|error| refusal(&workspace.config, &state, address, &error))?;
    // Only one process at a time can use the sandbox.
    drop(context);
    if args.dry_run || !args.yes {
        show(app, &step, &found);
    }
    if args.dry_run {
        return Ok(0);
    }
    confirm(&format!("\nImport `{}` into the state as {address}, and add the ownership tags?", found.id), args.yes)?;
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("adopt", reporter.events()).await?;
    let step =
        plan_with_moves(&session.context, &workspace.config, |state| select(workspace, state, address, id)).await;
    let (session, step) = session.or_close(step).await?;
    let report = infra_core::engine::adopt(&session.context, step, id).await;
    reporter.finish();
    session.close().await;
    let report = report?;
    if report.outcome != Outcome::Done {
        return Err(unfinished(
            &app.options,
            &report,
            &app.command(&format!("adopt {} {}", quote(address.as_str()), quote(id))),
        )
        .into());
    }
    app.info(&format!(
        "`{}` is in the state as {address}; `{}` shows what `up` would change",
        found.id,
        app.command("plan")
    ));
    Ok(0)
}

fn show(app: &App, step: &Step, found: &Adoption) {
    if app.options.is_json() {
        let value = json!({ "address": step.address, "id": found.id, "changes": found.changes, "call": found.call });
        return stdout(&value.to_string());
    }
    stdout(&format!("  {}  {}  `{}`", step.address, step.kind, found.id));
    for change in &found.changes {
        stdout(&format!("      {}", describe_change(change)));
    }
    stdout(match found.changes.is_empty() {
        true => "it is as configured; only the ownership tags are added",
        false => "the ownership tags are added; the next `up` would change what differs",
    });
}
