//! `traffic emergency`: sends traffic back to the source when Route 53's control plane is down.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, next_steps, stdout};
use infra_config::{Occasion, Side};
use infra_core::resource::{Error, Result, describe};
use infra_migration::emergency_switch::{Position, set_position, set_position_without_state};
use infra_payment::stack::EmergencySwitch;
use infra_workflow::refusal::MigrationRefusal;
use infra_workflow::switchover_record::primary_of;
use infra_workflow::traffic::{emergency_switch, switch_command};

/// How long opening the state can take before the command continues without it.
const OPEN_TIMEOUT: Duration = Duration::from_secs(15);

/// Take the target out of the answers of Route 53, without its control plane.
///
/// It works whatever the weights are. Use it if `traffic rollback` cannot change records. It sends one value of a
/// CloudWatch metric in the source's region. The health check of the target's record follows the metric, and Route 53
/// then answers with the source. This takes one to three minutes. It requires no state. The weights stay unchanged, so
/// run `traffic rollback` once Route 53 works again, and then `traffic emergency --release`.
///
/// After a switchover it is refused if the state can be read: the source is closed then.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic emergency -y\n  migrate-infra traffic rollback -y\n  \
                        migrate-infra traffic emergency --release -y")]
pub struct EmergencyArgs {
    /// Restore the target: traffic follows the weights again.
    #[arg(long)]
    release: bool,
    /// Show what would be sent, as an `aws` command, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

impl EmergencyArgs {
    /// Returns what its success is.
    pub(super) fn occasion(&self) -> Occasion {
        if self.release { Occasion::Finished } else { Occasion::RolledBack }
    }
}

pub(super) async fn run(app: &App, args: &EmergencyArgs) -> std::result::Result<u8, Failure> {
    if args.dry_run {
        app.notifier.silence();
    }
    let switch = emergency_switch(&app.workspace.config)?;
    let to = if args.release { Position::In } else { Position::Out };
    if args.dry_run {
        stdout(&switch_command(&app.workspace.config, &switch, to));
        return Ok(0);
    }
    let primary = match to {
        Position::Out => primary(app).await?,
        Position::In => Primary::Unknown,
    };
    if primary == Primary::Known(Side::Target) {
        return Err(MigrationRefusal::DataMoved.into());
    }
    let question = match to {
        Position::Out => "Take the target out? All traffic goes to the source, regardless of the weights.",
        Position::In => "Restore the target? Traffic follows the weights again.",
    };
    confirm(question, args.yes)?;
    let result = send(app, &switch, to, primary != Primary::Late).await?;
    Ok(end(app, &switch, to, result)?)
}

/// What the state says about the primary.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Primary {
    Known(Side),
    Unknown,
    /// The state could not be read in time.
    Late,
}

/// Reads which database is the primary. The command works without a state, so one that cannot be read says nothing. A
/// switchover in it that cannot be read may have moved the data.
async fn primary(app: &App) -> std::result::Result<Primary, MigrationRefusal> {
    match tokio::time::timeout(OPEN_TIMEOUT, app.workspace.read_state()).await {
        // The state of another stack says nothing about this one.
        Ok(Ok(state)) if state.stack == app.workspace.config.stack.id() => Ok(Primary::Known(primary_of(&state)?)),
        Ok(_) => Ok(Primary::Unknown),
        Err(_) => Ok(Primary::Late),
    }
}

/// Sends the value, and records it if the state can be opened in time. What could not be read in time is not opened.
async fn send(
    app: &App,
    switch: &EmergencySwitch,
    to: Position,
    may_open: bool,
) -> std::result::Result<Result<()>, Failure> {
    let reporter = Reporter::start(&app.options);
    let open = tokio::time::timeout(OPEN_TIMEOUT, app.open_session("traffic emergency", reporter.events()));
    let opened = if may_open { open.await.ok() } else { None };
    let reason = match opened {
        Some(Ok(session)) => {
            let result = match set_position(&session.context, switch, to).await {
                // A failure to write the journal must not prevent it.
                Err(Error::Journal(_)) => set_position_without_state(&session.context.read_context(), switch, to).await,
                result => result,
            };
            reporter.finish();
            session.close().await;
            return Ok(result);
        }
        Some(Err(failure)) => app.explain(failure).what,
        None => format!("the state could not be opened within {} seconds", OPEN_TIMEOUT.as_secs()),
    };
    reporter.finish();
    app.info(&format!("note: {reason}; this continues without recording anything"));
    let context = app.workspace.connect_read_only().await?;
    Ok(set_position_without_state(&context, switch, to).await)
}

fn end(app: &App, switch: &EmergencySwitch, to: Position, result: Result<()>) -> std::result::Result<u8, CliError> {
    if let Err(error) = result {
        return Err(CliError::new(Exit::of(&error), format!("could not {to}"))
            .because_text(describe(&error))
            .unchanged("the value may have been sent; it is safe to send it again")
            .hint(format!("without this program: `{}`", switch_command(&app.workspace.config, switch, to))));
    }
    if app.options.is_json() {
        let target = if to == Position::Out { "out" } else { "in" };
        stdout(&json!({ "event": "emergency_switch", "target": target, "region": switch.region }).to_string());
        return Ok(0);
    }
    match to {
        Position::Out => {
            stdout(
                "done: the target is taken out; name servers follow within about a minute, \
                 and caches 60 seconds later",
            );
            next_steps([
                (app.command("traffic rollback"), "once Route 53 can be changed again, set the weights, too"),
                (app.command("traffic emergency --release"), "after that, restore the target"),
            ]);
        }
        Position::In => stdout("done: traffic follows the weights again"),
    }
    Ok(0)
}
