//! `config`: checks or shows the configuration, or prints its schema.

use clap::Subcommand;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::{GlobalOptions, OutputFormat};
use crate::cli::ui::{reference, stdout};
use infra_config::{load_as_file, schema};

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
        ConfigCommand::Show => show(options)?,
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

fn show(options: &GlobalOptions) -> Result<(), CliError> {
    let shown = load_as_file(Some(&options.config), &options.overrides())?;
    let text = match options.output {
        OutputFormat::Json => serde_json::to_string_pretty(&shown).map_err(|error| cannot_show(&error))?,
        OutputFormat::Text => toml::to_string_pretty(&shown).map_err(|error| cannot_show(&error))?,
    };
    stdout(text.trim_end());
    Ok(())
}

fn cannot_show(error: &dyn std::error::Error) -> CliError {
    CliError::new(Exit::Usage, "cannot show the configuration").because(error)
}
