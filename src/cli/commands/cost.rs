//! `cost`: what the stack costs.

use clap::Args;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::options::EnvironmentArgs;
use crate::cli::prices::PricesArgs;
use crate::cli::ui::{cost_report, stdout};
use infra_cost::{Resource, report};
use infra_workflow::environments;

/// Show what the stack costs: for each address and in total, an hour and a month.
///
/// It follows from the configuration and from a dated table of prices. It makes no call, and needs no credentials. What
/// exists has a fixed price. What is used (transfer, requests, logs) costs between a low and a high amount, which
/// follow from assumptions in the table. What has no price in the table is unknown, and is not in the totals.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  migrate-infra cost\n  \
                        migrate-infra cost --env target --set database.multi_az=true\n  \
                        migrate-infra cost --output json | jq '.total.monthly'\n\n\
                        `plan` shows how the cost changes.")]
pub struct CostArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    prices: PricesArgs,
}

pub(in crate::cli) fn run(app: &App, args: &CostArgs) -> Result<u8, Failure> {
    let prices = args.prices.read()?;
    let graph = infra_payment::stack::build(&app.workspace.config)?;
    let selection = args.environments.selection();
    environments::check(&selection, &graph.environments())?;
    let selected = graph.nodes().values().filter(|node| selection.includes(node.address.environment()));
    let report = report(selected.map(Resource::of_node), &prices);
    if app.options.is_json() {
        stdout(&serde_json::to_string(&report).unwrap_or_default());
        return Ok(0);
    }
    for line in cost_report(&report, &prices) {
        stdout(&line);
    }
    Ok(0)
}
