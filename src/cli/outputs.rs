//! `outputs`: ids, endpoints and URLs.

use clap::Args;

use super::args::{Chosen, Globals, OutputFormat};
use super::failure::CliError;
use super::run::line;
use super::{report, session};
use crate::stack::{Output, outputs};

/// Shows ids, endpoints and URLs of what exists; it makes no call.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra outputs --sandbox --output json | jq -r '.source.vpc_id'")]
pub struct OutputsArgs {
    #[command(flatten)]
    chosen: Chosen,
}

pub(super) async fn run(globals: &Globals, args: &OutputsArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config).await?;
    session::check_chosen(&args.chosen, &session::environments(&config, &state))?;
    let found: Vec<Output> = outputs(&state).into_iter().filter(|output| args.chosen.includes(&output.environment)).collect();
    if globals.output == OutputFormat::Json {
        let mut environments = serde_json::Map::new();
        if !found.is_empty() {
            let commands = report::next(globals).into_iter().map(|(command, _)| command.into()).collect();
            environments.insert("next".to_owned(), serde_json::Value::Array(commands));
        }
        for output in found {
            let environment = environments.entry(output.environment).or_insert_with(|| serde_json::json!({}));
            environment[output.name] = output.value.into();
        }
        line(&serde_json::Value::Object(environments).to_string());
        return Ok(0);
    }
    for text in table(&found) {
        line(&text);
    }
    if found.is_empty() {
        line(&format!("nothing of `{}` exists", config.stack.id()));
    } else {
        report::go_on(report::next(globals));
    }
    Ok(0)
}

/// Returns outputs as aligned lines.
pub(super) fn table(outputs: &[Output]) -> Vec<String> {
    let name = |output: &Output| format!("{}.{}", output.environment, output.name);
    let width = outputs.iter().map(|output| name(output).len()).max().unwrap_or(0);
    outputs.iter().map(|output| format!("{:width$}  {}", name(output), output.value)).collect()
}
