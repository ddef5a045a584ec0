//! `state`: look into the state.

use clap::Subcommand;

use super::again::again;
use super::args::{Chosen, Globals};
use super::confirm::confirm;
use super::down;
use super::failure::{CliError, Exit};
use super::report::{self, Reporter};
use super::run::{line, say};
use super::session::{self, Session};
use super::status::{id, word};
use crate::address::Address;
use crate::config::Config;
use crate::engine::Outcome;
use crate::plan::plan_find;

/// How to look into the state.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List addresses, statuses and AWS ids, one a line.
    #[command(after_help = "Example:\n  migrate-infra state list --sandbox")]
    List,
    /// Show all that is remembered of one resource, or of the stack, as JSON.
    #[command(after_help = "Example:\n  migrate-infra state show source/network/vpc --sandbox")]
    Show {
        /// Address of the resource; all of the state when left out.
        address: Option<String>,
    },
    /// Make the state anew from what exists, found by names and ownership tags; nothing in AWS is changed.
    ///
    /// For a state that was lost, or that is damaged: damaged files are kept beside. What the state knows already stays.
    #[command(after_help = "Example:\n  migrate-infra state rebuild --sandbox -y")]
    Rebuild {
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
    },
}

pub(super) async fn run(globals: &Globals, command: &StateCommand) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    if let StateCommand::Rebuild { yes } = command {
        return rebuild(globals, &config, *yes).await;
    }
    let state = session::peek(globals, &config)?;
    match command {
        StateCommand::Rebuild { .. } => {}
        StateCommand::List => {
            for (address, entry) in &state.resources {
                line(format!("{address}\t{}\t{}", word(entry.status), id(entry)).trim_end());
            }
        }
        StateCommand::Show { address: None } => line(&serde_json::to_string_pretty(&state).unwrap_or_default()),
        StateCommand::Show { address: Some(address) } => match state.get(&Address::new(address)) {
            Some(entry) => line(&serde_json::to_string_pretty(entry).unwrap_or_default()),
            None => {
                let known: Vec<&str> = state.resources.keys().map(Address::as_str).collect();
                let hint = match known.as_slice() {
                    [] => "nothing exists".to_owned(),
                    known => crate::config::suggest(address, known),
                };
                return Err(CliError::new(Exit::Usage, format!("the state knows no `{address}`")).hint(hint));
            }
        },
    }
    Ok(0)
}

async fn rebuild(globals: &Globals, config: &Config, yes: bool) -> Result<u8, CliError> {
    let graph = crate::stack::build(config)?;
    if let Err(error) = session::peek_state(globals, config) {
        if !error.is_damage() {
            return Err(error.into());
        }
        // Nothing is put away before it is known that AWS can be asked.
        drop(session::connect(globals, config).await?);
        confirm(&format!("{error}\n\nKeep the damaged files beside, and make the state anew from what exists?"), yes)?;
        let kept = session::set_aside(globals, config)?;
        say(&format!("note: what was damaged is kept as {}", kept.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(" and ")));
    }
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, config, "state rebuild", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let plan = session.context.journal.read(|state| plan_find(&graph, state));
    reporter.plan(&plan, session.context.cloud.clock());
    let report = crate::engine::find(&session.context, "state rebuild", plan).await;
    reporter.finish();
    let known = session.context.journal.read(|state| state.resources.len());
    session.close().await?;
    let report = report?;
    if report.outcome != Outcome::Done {
        return Err(report::unfinished(&report, "migrate-infra state rebuild"));
    }
    let up = again(globals, "up", &Chosen::default());
    down::say(globals, &format!("{} resources were found, {known} are known now; `{up}` makes what is missing", report.changed));
    Ok(0)
}
