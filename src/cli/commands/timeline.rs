//! `timeline`: what a run did, and when.

use std::io::IsTerminal;
use std::path::PathBuf;

use clap::Args;

use super::runs::{RunArgs, cannot_read};
use crate::cli::app::App;
use crate::cli::error::CliError;
use crate::cli::explain::Failure;
use crate::cli::runs::Runs;
use crate::cli::ui::stdout;
use infra_base::file::{self, Access};
use infra_timeline::{chart, html};

/// The width of the chart without a terminal.
const COLUMNS: usize = 100;

/// Show what a run did, and when: a Gantt chart, and a page with everything.
///
/// The page shows the graph, the steps with their waits and repeated calls, the critical path, errors, the calls for
/// each service, and the estimates. For a cutover, it shows the weights, the lag, the gates and how long nobody could
/// write. It needs no network. See docs/timeline.md.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra timeline --sandbox\n  migrate-infra timeline --html run.html")]
pub struct TimelineArgs {
    #[command(flatten)]
    run: RunArgs,
    /// Write the page to this file [default: timeline.html in the directory of the run].
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(in crate::cli) fn run(app: &App, args: &TimelineArgs) -> Result<u8, Failure> {
    let runs = Runs::of(&app.workspace.directory());
    let id = args.run.find(app)?;
    let timeline = runs.timeline(&id).map_err(|error| cannot_read(&runs.directory_of(&id).display(), &error))?;
    if app.options.is_json() {
        stdout(&serde_json::to_string(&timeline).unwrap_or_default());
    } else {
        for line in chart(&timeline, columns()) {
            stdout(&line);
        }
    }
    // A page that the user asks for can be passed on, as the directory of the state cannot.
    let (path, access) = match &args.html {
        Some(path) => (path.clone(), Access::Umask),
        None => (runs.page_of(&id), Access::Owner),
    };
    file::replace(&path, html::page(&timeline), access).map_err(|error| CliError::cannot_write(&path, &error))?;
    app.info(&format!("\nthe page is {}", path.display()));
    Ok(0)
}

fn columns() -> usize {
    let size = std::io::stdout().is_terminal().then(|| crossterm::terminal::size().ok()).flatten();
    size.map_or(COLUMNS, |(columns, _)| columns.into())
}
