//! `unlock`: who holds the lock, and the last resort.

use clap::Args;
use serde_json::json;

use super::again::again;
use super::args::{Chosen, Globals, OutputFormat};
use super::confirm::confirm;
use super::failure::{CliError, Exit};
use super::run::line;
use super::{down, session};
use crate::state::{Found, Holder, StateError};

/// Shows who holds the lock of the state. With `--force`, takes it away.
///
/// A lock hardly ever needs this: on this machine it ends with its process, in a bucket with its lease, and the next command takes it over
/// by itself.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra unlock\n  migrate-infra unlock --force")]
pub struct UnlockArgs {
    /// Take the lock away even from a run that may be alive. Its next write fails and it stops; calls that it has in flight are not recorded
    /// and are found again by the next command.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &UnlockArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let place = session::place(globals, &config, None).await?;
    let fail = |verb, source| StateError::Io { place: format!("{}lock", with_slash(&place.name())), verb, source };
    let found = place.holder().await.map_err(|source| fail("read", source))?;
    if globals.output == OutputFormat::Json {
        line(&shown(&found).to_string());
    }
    match &found {
        Found::Free => {
            down::say(globals, "nobody holds the lock");
            return Ok(0);
        }
        Found::Dead(holder) => {
            down::say(globals, &format!("the lock was held by {}, which is dead: the next command takes it over by itself", holder.describe()));
            if !args.force {
                return Ok(0);
            }
        }
        Found::Held(holder) => {
            let who = holder.as_ref().map_or_else(|| "somebody; who is not written down".to_owned(), Holder::describe);
            if !args.force {
                return Err(CliError::new(Exit::Refused, format!("the lock is held by {who}")).remains("the lock is as it was").hint(format!(
                    "if that run is stuck, end it; `{} --force` takes the lock away from it",
                    again(globals, "unlock", &Chosen::default())
                )));
            }
            down::say(globals, &format!("the lock is held by {who}"));
        }
    }
    let warning = "Two runs on one stack at the same time can make things twice. Only go on if you know that this run is dead or stuck.";
    confirm(&format!("{warning}\nTake the lock away?"), args.yes)?;
    place.unlock().await.map_err(|source| fail("written", source))?;
    down::say(globals, "the lock is free");
    Ok(0)
}

fn with_slash(name: &str) -> String {
    if name.ends_with('/') { name.to_owned() } else { format!("{name}/") }
}

fn shown(found: &Found) -> serde_json::Value {
    match found {
        Found::Free => json!({ "lock": "free" }),
        Found::Dead(holder) => json!({ "lock": "dead", "holder": holder }),
        Found::Held(holder) => json!({ "lock": "held", "holder": holder }),
    }
}
