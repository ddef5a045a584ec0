//! `plan`: what would be done.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use crate::cli::app::App;
use crate::cli::error::Exit;
use crate::cli::explain::Failure;
use crate::cli::options::{DeleteArgs, EnvironmentArgs, OutputFormat, ReplaceArgs, TargetArgs};
use crate::cli::prices::PricesArgs;
use crate::cli::ui::{cost_change, markdown, show_plan_with_cost, stderr, stdout};
use infra_base::shell::quote;
use infra_core::plan::{Plan, calls};
use infra_cost::{Change, Prices, change};
use infra_workflow::planning::{Planned, plan_offline, plan_refreshed};
use infra_workflow::refresh::Refreshed;
use infra_workflow::saved_plan::SavedPlan;
use infra_workflow::{Request, preconditions};

/// Show what `up` would do: every change with its reason, the cost, and the expected duration.
///
/// It reads everything that exists, so the plan includes what was changed or deleted outside of this tool. Nothing is
/// changed. If `up` would refuse to execute the plan, `plan` shows it and then refuses, too.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra plan --env source\n  \
                        migrate-infra plan --out plan.json && migrate-infra up plan.json\n  \
                        migrate-infra plan --output json | jq '.steps[] | select(.action == \"create\") | .address'")]
pub struct PlanArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    replacements: ReplaceArgs,
    #[command(flatten)]
    deletions: DeleteArgs,
    #[command(flatten)]
    prices: PricesArgs,
    /// Exit with 4 if there is something to do.
    #[arg(long)]
    exit_code: bool,
    /// Plan from the configuration and the state alone, without any call.
    #[arg(long)]
    offline: bool,
    /// Show which API operations each step calls.
    #[arg(long)]
    calls: bool,
    /// Show the plan as Markdown, for a pull request.
    #[arg(long)]
    markdown: bool,
    /// Write the plan to this file, for `up FILE`.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

pub(in crate::cli) async fn run(app: &App, args: &PlanArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let prices = args.prices.read()?;
    let state = workspace.read_usable_state().await?;
    let state = if args.offline { state } else { workspace.with_accounts(state).await? };
    let selection = args.targets.narrow(args.environments.selection());
    let selection = args.deletions.extend(args.replacements.extend(selection));
    let planned = match args.offline {
        true => plan_offline(workspace, &state, &selection)?,
        false => plan_refreshed(workspace, &state, &selection)
            .await
            .map_err(|error| app.explain_unreadable(error, "plan --offline", &selection))?,
    };
    let plan = &planned.plan;
    // The saved plan does not have them: they can be others when it is executed.
    let cost = change(plan, &state, &prices);
    show(app, args, &app.estimated(plan.clone()), &planned, (&cost, &prices))?;
    let request = Request { command: "plan", selection };
    preconditions::check(&workspace.config, &request, plan, &state)?;
    if let Some(path) = &args.out {
        let drift = planned.refreshed.as_ref().map(|refreshed| &refreshed.drift);
        SavedPlan::of(plan, &state, workspace.config.stack.id(), &request.selection, drift).write(path)?;
        let up = app.command(&format!("up {}", quote(&path.display().to_string())));
        stderr(&format!("the plan is in {}; `{up}` executes exactly this plan", path.display()));
    }
    Ok(if args.exit_code && plan.changes_something() { Exit::Changes as u8 } else { 0 })
}

fn show(
    app: &App,
    args: &PlanArgs,
    plan: &Plan,
    planned: &Planned,
    (cost, prices): (&Change, &Prices),
) -> Result<(), Failure> {
    let config = &app.workspace.config;
    let cost_line = cost_change(cost, prices);
    match app.options.output {
        OutputFormat::Json => stdout(&json(plan, cost, args.calls)),
        OutputFormat::Text if args.markdown => {
            stdout(markdown(plan, &config.stack.id(), args.calls, &cost_line).trim_end());
        }
        OutputFormat::Text => {
            show_plan_with_cost(&app.options, plan, args.calls, &cost_line);
            for (violation, reason) in &planned.review.excused {
                stdout(&format!(
                    "allowed by `policy.exceptions`: {}: {}; reason: {reason}",
                    violation.address, violation.message
                ));
            }
            if let Some(Refreshed { resources, reads, .. }) = &planned.refreshed {
                stdout(&format!("read {resources} resources with {reads} calls"));
            }
        }
    }
    Ok(())
}

/// A plan with its totals, and how it changes the cost.
#[derive(serde::Serialize)]
struct PlanWithTotals<'a> {
    #[serde(flatten)]
    plan: &'a Plan,
    totals: BTreeMap<&'static str, usize>,
    cost: &'a Change,
}

/// Returns the plan as JSON.
fn json(plan: &Plan, cost: &Change, with_calls: bool) -> String {
    let with_totals = PlanWithTotals { plan, totals: plan.totals(), cost };
    if !with_calls {
        return serde_json::to_string(&with_totals).unwrap_or_default();
    }
    let mut value = serde_json::to_value(&with_totals).unwrap_or_default();
    let steps = value.get_mut("steps").and_then(serde_json::Value::as_array_mut);
    for (value, step) in steps.into_iter().flatten().zip(&plan.steps) {
        let calls = calls(step);
        let (name, operations) = calls.named();
        value[name] = operations.into();
    }
    value.to_string()
}
