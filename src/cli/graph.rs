//! `graph`: draw the resources and what waits for what.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::args::{Chosen, Globals, Replacements, Targets};
use super::failure::{CliError, Exit};
use super::look::Looked;
use super::run::say;
use super::{plan, session, whole};
use crate::draw::{Picture, dot, mermaid, svg};
use crate::plan::plan_up;
use crate::state::State;

/// Draws the resources and the order between them; the chain that decides how long a run takes is marked.
///
/// It is computed from the configuration; `--plan` looks at what exists, as `plan` does, and colours what `up` would create, change or delete.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra graph --format svg --out stack.svg\n  migrate-infra graph --env source --plan | dot -Tpdf > source.pdf"
)]
pub struct GraphArgs {
    #[command(flatten)]
    chosen: Chosen,
    #[command(flatten)]
    targets: Targets,
    #[command(flatten)]
    replacements: Replacements,
    /// The language of the picture.
    #[arg(long, value_enum, default_value_t = Format::Dot)]
    format: Format,
    /// Colours what `up` would do: green is made, yellow is changed, orange is replaced, red is deleted.
    #[arg(long)]
    plan: bool,
    /// Colours by the configuration and the state alone, without a single call.
    #[arg(long, requires = "plan")]
    offline: bool,
    /// Write to this file instead of standard output.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// The language of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Graphviz.
    Dot,
    /// Mermaid, for Markdown.
    Mermaid,
    /// A picture that a browser shows.
    Svg,
    /// Nodes and edges, for programs.
    Json,
}

pub(super) async fn run(globals: &Globals, args: &GraphArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let chosen = &args.replacements.of(args.targets.of(&args.chosen));
    let plan = if args.plan {
        let state = session::peek(globals, &config).await?;
        let looked = if args.offline { None } else { plan::looked(globals, &config, &state, chosen, "graph --plan").await? };
        if let Some(Looked { resources, reads, .. }) = &looked {
            say(&format!("looked at {resources} resources with {reads} calls"));
        }
        plan::make(globals, &config, &state, chosen, looked.as_ref().map(|looked| &looked.findings))?
    } else if chosen.replace.is_empty() {
        let graph = crate::stack::build(&config)?;
        session::check_chosen(chosen, &graph.environments())?;
        // With everything chosen nothing can be missing; what other environments give is left out of the picture.
        let mut plan = plan_up(&graph, &State::empty(), &|_| true).map_err(|missing| CliError::new(Exit::Refused, missing.to_string()))?;
        plan.keep(|step| chosen.includes(step.address.environment()));
        plan::narrow(plan, chosen)?
    } else {
        return Err(CliError::new(Exit::Usage, "`--replace` changes nothing in a picture of the configuration")
            .remains("nothing was drawn")
            .hint("add `--plan`, which colours what `up` would do"));
    };
    let picture = Picture::of(&plan, args.plan);
    let text = match args.format {
        Format::Dot => dot(&picture),
        Format::Mermaid => mermaid(&picture),
        Format::Svg => svg(&picture),
        Format::Json => serde_json::to_string_pretty(&picture).unwrap_or_default() + "\n",
    };
    match &args.out {
        None => super::run::line(text.trim_end()),
        Some(path) => {
            whole::write(path, &text)
                .map_err(|error| CliError::new(Exit::Failed, format!("{} can not be written", path.display())).because_io(&error))?;
            say(&format!("{} resources are drawn in {}", picture.nodes.len(), path.display()));
        }
    }
    Ok(0)
}
