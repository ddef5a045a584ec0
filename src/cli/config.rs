//! `config`: check it, show it, or print its schema.

use clap::Subcommand;

use super::args::{Globals, OutputFormat};
use super::failure::{CliError, Exit};
use super::run::line;
use super::session;
use crate::config::{Config, schema};

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub enum ConfigCommand {
    /// Check it: shape, values, and whether the graph of resources can be built.
    #[command(after_help = "Example:\n  migrate-infra config check --set environments.source.region=eu-west-1")]
    Check,
    /// Show it as it counts, with defaults and overrides applied.
    #[command(after_help = "Example:\n  migrate-infra config show --suffix qa-7 --output json")]
    Show,
    /// Print the JSON schema of the file, for editors.
    #[command(after_help = "Example:\n  migrate-infra config schema > config/schema.json")]
    Schema,
    /// Print what each kind of resource is, and what a change of each of its inputs means, as Markdown.
    #[command(after_help = "Example:\n  migrate-infra config resources > docs/resources.md")]
    Resources,
}

pub(super) fn run(globals: &Globals, command: &ConfigCommand) -> Result<u8, CliError> {
    if let ConfigCommand::Schema = command {
        line(&serde_json::to_string_pretty(&schema()).unwrap_or_default());
        return Ok(0);
    }
    if let ConfigCommand::Resources = command {
        line(super::report::reference().trim_end());
        return Ok(0);
    }
    let config = session::config(globals)?;
    if let ConfigCommand::Check = command {
        let graph = crate::stack::build(&config)?;
        line(&format!("{} is right: {} resources in {}", globals.config.display(), graph.nodes().len(), graph.environments().join(" and ")));
        return Ok(0);
    }
    let shown = as_file(&config);
    match globals.output {
        OutputFormat::Json => line(&serde_json::to_string_pretty(&shown).unwrap_or_default()),
        OutputFormat::Text => {
            let text =
                toml::to_string_pretty(&shown).map_err(|error| CliError::new(Exit::Usage, "the configuration can not be shown").because(&error))?;
            line(text.trim_end());
        }
    }
    Ok(0)
}

/// The configuration in the form of its file, with the sections inside the environments, where they count.
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
