//! `traffic rollback`: all traffic goes back to the source, from any state.

use clap::Args;

use super::Zone;
use super::place::{find_place, region, seen_both};
use super::told::{batch, end, now};
use crate::aws::Cancel;
use crate::cli::args::Globals;
use crate::cli::confirm::confirm;
use crate::cli::failure::CliError;
use crate::cli::report::Reporter;
use crate::cli::run::line;
use crate::cli::session::{self, Session};
use crate::cli::{down, look};
use crate::config::Config;
use crate::engine::{Context, Looker};
use crate::events::Event;
use crate::migration::Split;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::{Effect, Quiesce};
use crate::migration::shift;
use crate::resource::describe;
use crate::state::State;

/// Sends all traffic to the source again.
///
/// It asks no gate and waits for nobody: when another run holds the lock, or the state can not be used, it goes on without writing anything
/// down, and says so. With `--zone-id` it needs no state at all.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic rollback -y\n  migrate-infra traffic rollback --zone-id Z1D633PJN98FT9 -y")]
pub struct RollbackArgs {
    #[command(flatten)]
    zone: Zone,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &RollbackArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let zone = args.zone.zone_id.as_deref();
    // What is wrong with the state must not stand in the way.
    let (state, trouble) = match zone {
        Some(_) => (State::empty(), None),
        None => match session::peek(globals, &config).await {
            Ok(state) => (state, None),
            Err(error) => (State::empty(), Some(error.what)),
        },
    };
    let scene = Scene::of(&state);
    let region = region(&state, &config);
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let place = find_place(globals, &config, &looker, &region, &scene, zone).await?;
    let live = seen_both(&looker, &region, &place).await?;
    if args.dry_run {
        line(&batch(&live, Split::SOURCE));
        return Ok(0);
    }
    confirm(&format!("{} Send all of it to the source?", now(&live)), args.yes)?;
    let command = match zone {
        Some(zone) => format!("traffic rollback --zone-id {zone}"),
        None => "traffic rollback".to_owned(),
    };
    let unwritten = async |looker: &Looker| {
        let done = shift::bring_back(looker, &region, &place, shift::Send::WhenNeeded).await;
        if let Some(note) = by_hand(&config, &state) {
            down::say(globals, note);
        }
        done.map_err(|error| shift::Failed { effect: Effect::Unknown, error })
    };
    if zone.is_some() || trouble.is_some() || scene.place.is_none() {
        if let Some(trouble) = trouble {
            down::say(globals, &format!("note: {trouble}; it goes on without a state"));
        }
        return end(globals, unwritten(&looker).await, Split::SOURCE, &command);
    }
    drop(looker);
    let reporter = Reporter::start(globals);
    let session = match Session::open(globals, &config, "traffic rollback", reporter.events()).await {
        Ok(session) => session,
        Err(error) => {
            // Whoever holds the lock may hang; it sees that the weights are others, and stops.
            reporter.finish();
            down::say(globals, &format!("note: {}; it goes on without writing anything down", error.what));
            let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
            return end(globals, unwritten(&looker).await, Split::SOURCE, &command);
        }
    };
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let done = shift::shift(&session.context, &region, &place, Split::SOURCE, "rolled back by hand").await;
    let (done, ended) = match done {
        Ok(shifted) => (Ok(shifted), crate::cli::cutover::rolled_back_by_hand(globals, &config, &session.context).await),
        // That it can not be written down must not stand in the way.
        Err(failed) if matches!(failed.error, crate::resource::Error::Journal(_)) => {
            let text = format!("{}; it goes on without writing anything down", describe(&failed.error));
            session.context.events.send(Event::Notice { address: None, text });
            let context = Context { cancel: Cancel::default(), ..session.context.clone() };
            (unwritten(&context.looker()).await, Ok(()))
        }
        Err(failed) => (Err(failed), Ok(())),
    };
    reporter.finish();
    session.close().await;
    ended?;
    end(globals, done, Split::SOURCE, &command)
}

/// What is left to do by hand when nothing is written down: the release command runs only where it can be seen that the source is to be released.
fn by_hand(config: &Config, state: &State) -> Option<&'static str> {
    if config.cutover.quiesce_command.is_empty() && config.cutover.release_command.is_empty() {
        return None;
    }
    match Saved::of(state) {
        Some(saved) if saved.progress.quiesce == Quiesce::NotRun => None,
        Some(_) => Some("note: the quiesce command of the cutover was run: run the release command by hand"),
        None if state.has_begun() => None,
        None => {
            Some("note: without the state it is not known whether a cutover has run its quiesce command: if it has, run the release command by hand")
        }
    }
}
