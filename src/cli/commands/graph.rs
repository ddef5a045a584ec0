//! `graph`: draws the resources and their dependencies.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::options::{EnvironmentArgs, ReplaceArgs, TargetArgs};
use crate::cli::ui::{stderr, stdout};
use infra_base::file::{self, Access};
use infra_core::draw::{Picture, dot, mermaid, svg};
use infra_core::plan::Plan;
use infra_workflow::Selection;
use infra_workflow::planning::{build_plan_from_nothing, plan_offline, plan_refreshed};
use infra_workflow::refresh::Refreshed;

/// Draw the resources and their dependencies: DOT, Mermaid, SVG or JSON.
///
/// The critical path, which determines the duration of a run, is highlighted. The picture shows the configuration.
/// `--plan` reads what exists, as `plan` does, and colours what `up` would create, change or delete.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra graph --format svg --out stack.svg\n  \
                        migrate-infra graph --env source --plan | dot -Tpdf > source.pdf")]
pub struct GraphArgs {
    #[command(flatten)]
    environments: EnvironmentArgs,
    #[command(flatten)]
    targets: TargetArgs,
    #[command(flatten)]
    replacements: ReplaceArgs,
    /// Format of the picture.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Colour what `up` would do: green is created, yellow is changed, orange is replaced, red is deleted.
    #[arg(long)]
    plan: bool,
    /// Colour from the configuration and the state alone, without any call.
    #[arg(long, requires = "plan")]
    offline: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Format of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
    /// An image for browsers.
    Svg,
    /// Nodes and edges, for programs.
    Json,
}

pub(in crate::cli) async fn run(app: &App, args: &GraphArgs) -> Result<u8, Failure> {
    let selection = &args.replacements.extend(args.targets.narrow(args.environments.selection()));
    let plan = match args.plan {
        true => plan_changes(app, args.offline, selection).await?,
        false if selection.replace.is_empty() => build_plan_from_nothing(&app.workspace, selection)?,
        false => {
            return Err(CliError::new(Exit::Usage, "`--replace` has no effect on a picture of the configuration")
                .unchanged("nothing was drawn")
                .hint("add `--plan`, which colours what `up` would do")
                .into());
        }
    };
    let picture = Picture::of(&plan, args.plan);
    let text = match args.format {
        Format::Dot => dot(&picture),
        Format::Mermaid => mermaid(&picture),
        Format::Svg => svg(&picture),
        Format::Json => serde_json::to_string_pretty(&picture).unwrap_or_default() + "\n",
    };
    match &args.out {
        None => stdout(text.trim_end()),
        Some(path) => {
            file::replace(path, &text, Access::Umask).map_err(|error| CliError::cannot_write(path, &error))?;
            stderr(&format!("{} contains a picture of {} resources", path.display(), picture.nodes.len()));
        }
    }
    Ok(0)
}

async fn plan_changes(app: &App, offline: bool, selection: &Selection) -> Result<Plan, Failure> {
    let state = app.workspace.read_state().await?;
    let state = if offline { state } else { app.workspace.with_accounts(state).await? };
    let planned = match offline {
        true => plan_offline(&app.workspace, &state, selection)?,
        false => plan_refreshed(&app.workspace, &state, selection)
            .await
            .map_err(|error| app.explain_unreadable(error, "graph --plan --offline", selection))?,
    };
    if let Some(Refreshed { resources, reads, .. }) = &planned.refreshed {
        stderr(&format!("read {resources} resources with {reads} calls"));
    }
    Ok(planned.plan)
}
