//! `state`: look into the state.

use clap::Subcommand;

use super::again::again;
use super::args::{Chosen, Globals};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::report::{self, Reporter};
use super::run::line;
use super::session::{self, Damaged, Session};
use super::status::{id, word};
use super::{down, moves};
use crate::address::Address;
use crate::config::Config;
use crate::engine::Outcome;
use crate::plan::plan_find;
use crate::state::{Heartbeat, Moved};

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
    /// Move the state to where `[state]` in the configuration wants it: from this machine to a bucket, or back.
    ///
    /// Both places are locked. The old one is kept under another name. When it is interrupted, the same command finishes it.
    #[command(after_help = "Example:\n  migrate-infra state migrate -y")]
    Migrate {
        /// Do not ask.
        #[arg(short, long)]
        yes: bool,
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
    match command {
        StateCommand::Rebuild { yes } => return rebuild(globals, &config, *yes).await,
        StateCommand::Migrate { yes } => return migrate(globals, &config, *yes).await,
        StateCommand::List | StateCommand::Show { .. } => {}
    }
    let state = session::peek(globals, &config).await?;
    match command {
        StateCommand::Rebuild { .. } | StateCommand::Migrate { .. } => {}
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
    let place = session::place(globals, config, None).await?;
    let damaged = match crate::state::salvage(place.store().as_mut()).await?.damage {
        None => Damaged::Refuse,
        Some(damage) => {
            let question = format!("{damage}\n\nKeep the damaged files beside, and go on from what is intact and what exists?");
            confirm(&question, yes)?;
            Damaged::SetAside
        }
    };
    let reporter = Reporter::start(globals);
    let session = Session::open_even(globals, config, "state rebuild", reporter.events(), damaged).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let plan = moves::planned(&session.context, config, |state| Ok(plan_find(&graph, state))).await;
    let (session, plan) = session.or_close(plan).await?;
    reporter.plan(&plan, session.context.cloud.clock());
    let report = crate::engine::find(&session.context, "state rebuild", plan, &config.renamed()).await;
    reporter.finish();
    let known = session.context.journal.read(|state| state.resources.len());
    session.close().await;
    let report = report?;
    if report.outcome != Outcome::Done {
        return Err(report::unfinished(globals, &report, "migrate-infra state rebuild"));
    }
    let up = again(globals, "up", &Chosen::default());
    down::say(globals, &format!("{} resources were found, {known} are known now; `{up}` makes what is missing", report.changed));
    Ok(0)
}

async fn migrate(globals: &Globals, config: &Config, yes: bool) -> Result<u8, CliError> {
    let (from, to) = session::both_places(globals, config).await?;
    confirm(&format!("Move the state of `{}` from {} to {}?", config.stack.id(), from.name(), to.name()), yes)?;
    // Nobody waits for a lock here, so two who move it in opposite directions refuse each other.
    let (old, new) = (from.lock("state migrate").await?, to.lock("state migrate").await);
    let new = match new {
        Ok(new) => new,
        Err(error) => {
            let _ = old.release().await;
            return Err(error.into());
        }
    };
    let (old, new) = (Heartbeat::start(old, drop), Heartbeat::start(new, drop));
    let moved = crate::state::migrate(from.store().as_mut(), to.store().as_mut(), &format!("moved-{}", session::stamp())).await;
    for heartbeat in [new, old] {
        session::give_back(heartbeat).await;
    }
    match moved? {
        Moved::Nothing => down::say(globals, "there is no state to move"),
        Moved::There => down::say(globals, &format!("the state is at {} already", to.name())),
        Moved::Done { resources, kept } => {
            down::say(
                globals,
                &format!("the state with {resources} resources is at {} now; the old one is kept as {}", to.name(), kept.join(" and ")),
            );
        }
    }
    Ok(0)
}
