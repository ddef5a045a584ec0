//! `traffic emergency`: bringing traffic back when Route 53's control plane can not.

use std::time::Duration;

use clap::Args;
use serde_json::json;

use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals, OutputFormat};
use crate::cli::confirm::confirm;
use crate::cli::failure::{CliError, Exit};
use crate::cli::report::Reporter;
use crate::cli::run::line;
use crate::cli::session::{self, Session};
use crate::cli::{down, look};
use crate::config::Config;
use crate::engine::Looker;
use crate::migration::emergency::{Position, address, position, turn, turn_unwritten};
use crate::resource::{Error, Result, describe};
use crate::resources::cloudwatch::alarm_state::AlarmState;
use crate::stack::Switch;

/// How long the state may take to be opened before it goes on without.
const PATIENCE: Duration = Duration::from_secs(15);

/// Takes the target out of the answers of Route 53, whatever the weights are, without Route 53's control plane.
///
/// For the day on which `traffic rollback` can not change records. One value of a CloudWatch metric is sent in the source's region; the health
/// check of the target's record follows it, and Route 53 then answers with the source. It takes one to three minutes. No state is needed; the
/// weights stay as they are, so run `traffic rollback` once it works again, and then `traffic emergency --release`.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  migrate-infra traffic emergency -y\n  migrate-infra traffic rollback -y\n  migrate-infra traffic emergency --release -y"
)]
pub struct EmergencyArgs {
    /// Put the target in again: traffic goes where the weights say.
    #[arg(long)]
    release: bool,
    /// Show what would be sent, and the same as an `aws` command, and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &EmergencyArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let Some(switch) = Switch::of(&config) else {
        return Err(CliError::new(Exit::Refused, "this stack has no emergency switch")
            .remains("nothing was changed")
            .hint("`[routing]`, `emergency_switch = true`, and `up` make one; it has to be there before the emergency"));
    };
    let to = if args.release { Position::In } else { Position::Out };
    if args.dry_run {
        line(&command(&switch, to));
        return Ok(0);
    }
    let question = match to {
        Position::Out => "Take the target out? All traffic goes to the source, whatever the weights are.",
        Position::In => "Put the target in again? Traffic goes where the weights say.",
    };
    confirm(question, args.yes)?;
    let done = send(globals, &config, &switch, to).await?;
    end(globals, &switch, to, done)
}

/// Whether the target is taken out just now. That CloudWatch does not say so does not stand in the way of anything.
pub(in crate::cli) async fn is_out(looker: &Looker, config: &Config) -> bool {
    let Some(switch) = Switch::of(config) else { return false };
    let reader = looker.reader(&address(), &switch.region);
    matches!(position(&reader, &switch).await, Ok(Some(AlarmState::Alarm)))
}

/// With the state if it can be opened soon, and without it if not.
async fn send(globals: &Globals, config: &Config, switch: &Switch, to: Position) -> Result<Result<()>, CliError> {
    let reporter = Reporter::start(globals);
    let opened = tokio::time::timeout(PATIENCE, Session::open(globals, config, "traffic emergency", reporter.events())).await;
    let why = match opened {
        Ok(Ok(session)) => {
            session::stop_on_ctrl_c(session.context.cancel.clone());
            let done = match turn(&session.context, switch, to).await {
                // That it can not be written down must not stand in the way.
                Err(Error::Journal(_)) => turn_unwritten(&session.context.looker(), switch, to).await,
                done => done,
            };
            reporter.finish();
            session.close().await;
            return Ok(done);
        }
        Ok(Err(error)) => error.what,
        Err(_) => format!("the state could not be opened within {} seconds", PATIENCE.as_secs()),
    };
    reporter.finish();
    down::say(globals, &format!("note: {why}; it goes on without writing anything down"));
    let looker = look::looker(globals, config, session::connect(globals, config).await?);
    Ok(turn_unwritten(&looker, switch, to).await)
}

fn end(globals: &Globals, switch: &Switch, to: Position, done: Result<()>) -> Result<u8, CliError> {
    let next = |verb: &str| again(globals, verb, &Chosen::default());
    match done {
        Ok(()) => {
            if globals.output == OutputFormat::Json {
                line(
                    &json!({ "event": "emergency_switch", "target": if to == Position::Out { "out" } else { "in" }, "region": switch.region })
                        .to_string(),
                );
                return Ok(0);
            }
            match to {
                Position::Out => {
                    line("done: the target is taken out; name servers follow within about a minute, and caches after 60 seconds more");
                    crate::cli::report::go_on([
                        (next("traffic rollback"), "when Route 53 can be changed again: set the weights, too"),
                        (next("traffic emergency --release"), "after that, put the target in again"),
                    ]);
                }
                Position::In => line("done: traffic goes where the weights say"),
            }
            Ok(0)
        }
        Err(error) => Err(CliError::new(Exit::of(&error), format!("could not {to}"))
            .because_text(&describe(&error))
            .remains("the value may have been sent all the same; sending it again does no harm")
            .hint(format!("without this program: `{}`", command(switch, to)))),
    }
}

/// What is sent, as a command of the AWS CLI.
pub(in crate::cli) fn command(switch: &Switch, to: Position) -> String {
    let dimensions: Vec<String> = switch.metric.dimensions.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!(
        "aws cloudwatch put-metric-data --region {} --namespace {} --metric-name {} --dimensions {} --value {}",
        switch.region,
        switch.metric.namespace,
        switch.metric.name,
        dimensions.join(","),
        to.value()
    )
}
