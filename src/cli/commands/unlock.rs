//! `unlock`: shows who holds the lock, and takes it away as a last resort.

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{confirm, stdout};
use infra_core::state::{Found, Holder, StateError};

/// Show who holds the lock of the state, and take it from a run that hangs.
///
/// It is taken with `--force` only. This is rarely necessary: on this machine a lock is released when its process ends,
/// in a bucket it expires with its lease, and the next command takes it over.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra unlock\n  migrate-infra unlock --force")]
pub struct UnlockArgs {
    /// Take the lock away even from a run that may be alive. Its next write fails and it stops; calls in flight are not
    /// recorded, and the next command finds their results.
    #[arg(long)]
    force: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &UnlockArgs) -> Result<u8, Failure> {
    let backend = app.workspace.backend(None).await?;
    let fail = |verb, source| StateError::Io { place: format!("{}lock", with_slash(&backend.name())), verb, source };
    let found = backend.holder().await.map_err(|source| fail("read", source))?;
    if app.options.is_json() {
        stdout(&json(&found).to_string());
    }
    match &found {
        Found::Free => {
            app.info("the lock is free");
            return Ok(0);
        }
        Found::Dead(holder) => {
            app.info(&format!(
                "the lock was held by {}, which no longer runs: the next command takes it over",
                holder.describe()
            ));
            if !args.force {
                return Ok(0);
            }
        }
        Found::Held(holder) => {
            let holder = holder.as_ref().map_or_else(|| "an unknown holder".to_owned(), Holder::describe);
            if !args.force {
                return Err(CliError::new(Exit::Refused, format!("the lock is held by {holder}"))
                    .unchanged("the lock is unchanged")
                    .hint(format!(
                        "if that run hangs, end it; `{} --force` takes the lock away from it",
                        app.command("unlock")
                    ))
                    .into());
            }
            app.info(&format!("the lock is held by {holder}"));
        }
    }
    let warning = "Two runs on one stack at the same time can create resources twice. \
        Only continue if you know that this run has ended or hangs.";
    confirm(&format!("{warning}\nTake the lock away?"), args.yes)?;
    backend.unlock().await.map_err(|source| fail("written", source))?;
    app.info("the lock is free now");
    Ok(0)
}

fn with_slash(name: &str) -> String {
    if name.ends_with('/') { name.to_owned() } else { format!("{name}/") }
}

fn json(found: &Found) -> serde_json::Value {
    match found {
        Found::Free => json!({ "lock": "free" }),
        Found::Dead(holder) => json!({ "lock": "dead", "holder": holder }),
        Found::Held(holder) => json!({ "lock": "held", "holder": holder }),
    }
}
