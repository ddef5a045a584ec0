//! `outputs`: ids, endpoints and URLs.

use clap::Args;

use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::options::EnvironmentArgs;
use crate::cli::ui::{next_commands, next_steps, output_table, stdout};
use infra_payment::stack::{Output, outputs};
use infra_workflow::environments;

/// Show ids, endpoints and URLs of what exists.
///
/// They follow from the state; no call is made.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra outputs --sandbox --output json | jq -r '.source.vpc_id'")]
pub struct OutputsArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
}

pub(in crate::cli) async fn run(app: &App, args: &OutputsArgs) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let state = app.workspace.read_state().await?;
    let selection = args.environments.selection();
    environments::check(&selection, &environments::known(config, &state))?;
    let mut found = outputs(&state);
    found.retain(|output| selection.includes(&output.environment));
    if app.options.is_json() {
        stdout(&json(app, found).to_string());
        return Ok(0);
    }
    for text in output_table(&found) {
        stdout(&text);
    }
    if found.is_empty() {
        stdout(&format!("nothing of `{}` exists", config.stack.id()));
    } else {
        next_steps(next_commands(&app.options));
    }
    Ok(0)
}

fn json(app: &App, outputs: Vec<Output>) -> serde_json::Value {
    let mut environments = serde_json::Map::new();
    if !outputs.is_empty() {
        let commands = next_commands(&app.options).into_iter().map(|(command, _)| command.into()).collect();
        environments.insert("next".to_owned(), serde_json::Value::Array(commands));
    }
    for output in outputs {
        let environment = environments.entry(output.environment).or_insert_with(|| serde_json::json!({}));
        environment[output.name] = output.value.into();
    }
    serde_json::Value::Object(environments)
}
