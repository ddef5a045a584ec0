//! `state`: look into the state.

use clap::Subcommand;

use super::args::Globals;
use super::failure::{CliError, Exit};
use super::run::line;
use super::session;
use super::status::{id, word};
use crate::address::Address;

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
}

pub(super) fn run(globals: &Globals, command: &StateCommand) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let state = session::peek(globals, &config)?;
    match command {
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
