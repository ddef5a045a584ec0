//! `config`: checks or shows the configuration, or prints its schema.

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::{GlobalOptions, OutputFormat};
use crate::cli::ui::{reference, stdout};
use infra_config::{Config, schema};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check its structure, its values, and whether the graph of resources is valid.
    #[command(after_help = "Example:\n  migrate-infra config check --set environments.source.region=eu-west-1")]
    Check,
    /// Show the effective configuration, with defaults and overrides.
    #[command(after_help = "Example:\n  migrate-infra config show --suffix qa-7 --output json")]
    Show,
    /// Print the JSON schema of the file, for editors.
    #[command(after_help = "Example:\n  migrate-infra config schema > config/schema.json")]
    Schema,
    /// Print the reference of all resource kinds, and what a change of each input means, as Markdown.
    #[command(after_help = "Example:\n  migrate-infra config resources > docs/resources.md")]
    Resources,
}

pub(in crate::cli) fn run(options: &GlobalOptions, command: &ConfigCommand) -> Result<u8, Failure> {
    match command {
        ConfigCommand::Schema => stdout(&serde_json::to_string_pretty(&schema()).unwrap_or_default()),
        ConfigCommand::Resources => stdout(reference().trim_end()),
        ConfigCommand::Check => check(&App::load(options)?)?,
        ConfigCommand::Show => show(&App::load(options)?)?,
    }
    Ok(0)
}

fn check(app: &App) -> Result<(), Failure> {
    let graph = infra_payment::stack::build(&app.workspace.config)?;
    stdout(&format!(
        "{} is valid: {} resources in {}",
        app.options.config.display(),
        graph.nodes().len(),
        graph.environments().join(", ")
    ));
    Ok(())
}

fn show(app: &App) -> Result<(), CliError> {
    let value = as_file(&app.workspace.config);
    match app.options.output {
        OutputFormat::Json => stdout(&serde_json::to_string_pretty(&value).unwrap_or_default()),
        OutputFormat::Text => {
            let text = toml::to_string_pretty(&value)
                .map_err(|error| CliError::new(Exit::Usage, "cannot show the configuration").because(&error))?;
            stdout(text.trim_end());
        }
    }
    Ok(())
}

/// Returns the configuration in the form of its file, with each section in the environments that it applies to.
fn as_file(config: &Config) -> serde_json::Value {
    let mut environments = serde_json::Map::new();
    for environment in &config.environments {
        let mut own = serde_json::to_value(environment).unwrap_or_default();
        if let Some(fields) = own.as_object_mut() {
            fields.remove("name");
        }
        environments.insert(environment.name.clone(), own);
    }
    serde_json::json!({
        "moved": config.moved,
        "stack": config.stack,
        "tags": config.tags,
        "environments": environments,
        "state": config.state,
        "drift": config.drift,
        "resources": config.resources,
    })
}
