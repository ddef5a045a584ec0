//! `traffic shift`: a share of the traffic goes to the target.

use clap::Args;

use super::emergency;
use super::health::sick;
use super::place::{place_of, region, seen_both};
use super::told::{batch, end, now};
use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals};
use crate::cli::confirm::confirm;
use crate::cli::failure::{CliError, Exit};
use crate::cli::report::Reporter;
use crate::cli::run::line;
use crate::cli::session::{self, Session};
use crate::cli::{down, look};
use crate::config::Side;
use crate::migration::Split;
use crate::migration::saved::Saved;
use crate::migration::scene::Scene;
use crate::migration::schedule::Quiesce;
use crate::migration::shift;
use crate::state::State;

/// Sends a share of the traffic to the target.
///
/// Both weights are set in one batch; then it waits until all name servers know of it, and reads the records back. It is refused when an
/// environment that gets more traffic has no healthy target. A shift that was killed is finished, or replaced, by the next one.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra traffic shift --to 10\n  migrate-infra traffic shift --to 50 --dry-run")]
pub struct ShiftArgs {
    /// The share of the target, in percent; the source has the rest.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    to: u8,
    /// Show the change batch and send nothing.
    #[arg(long)]
    dry_run: bool,
    /// Shift also to an environment without a healthy target, and to a source whose writes are stopped.
    #[arg(long)]
    force: bool,
    /// Do not ask.
    #[arg(short, long)]
    yes: bool,
}

pub(super) async fn run(globals: &Globals, args: &ShiftArgs) -> Result<u8, CliError> {
    let config = session::config(globals)?;
    let Some(to) = Split::new(args.to) else { return Err(CliError::new(Exit::Usage, format!("{} is no percent", args.to))) };
    let state = session::peek(globals, &config).await?;
    let scene = Scene::of(&state);
    let (place, region) = (place_of(globals, &scene)?, region(&state, &config));
    let looker = look::looker(globals, &config, session::connect(globals, &config).await?);
    let live = seen_both(&looker, &region, &place).await?;
    let sick = if args.force { Vec::new() } else { sick(&looker, &scene, live.split(), to).await };
    if args.dry_run {
        for why in &sick {
            down::say(globals, &format!("note: this would be refused: {why}"));
        }
        line(&batch(&live, to));
        return Ok(0);
    }
    if let Some(why) = sick.first() {
        return Err(CliError::new(Exit::Refused, format!("traffic would go where nobody answers: {why}"))
            .remains("nothing was changed")
            .hint(format!("`{}` shows more", again(globals, "traffic show", &Chosen::default())))
            .hint("`--force` shifts all the same"));
    }
    if to != Split::SOURCE && !args.force && emergency::is_out(&looker, &config).await {
        return Err(CliError::new(Exit::Refused, "the target is taken out by the emergency switch, so no traffic would go there")
            .remains("nothing was changed")
            .hint(format!("`{}` puts it in again", again(globals, "traffic emergency --release", &Chosen::default()))));
    }
    refuse_beside_cutover(globals, &state)?;
    if !args.force && to.gains(Side::Source, live.split()) {
        refuse_quiesced(globals, &state)?;
    }
    confirm(&format!("{} Shift to {to}?", now(&live)), args.yes)?;
    // The sandbox's world can be taken up by one at a time.
    drop(looker);
    let reporter = Reporter::start(globals);
    let session = Session::open(globals, &config, "traffic shift", reporter.events()).await?;
    session::stop_on_ctrl_c(session.context.cancel.clone());
    let done = shift::shift(&session.context, &region, &place, to, "asked for").await;
    reporter.finish();
    session.close().await;
    let command = format!("traffic shift --to {to}", to = to.percent());
    end(globals, done, to, &command)
}

/// A cutover has stopped writes to the source, and nobody has let them in again.
fn refuse_quiesced(globals: &Globals, state: &State) -> Result<(), CliError> {
    let Some(saved) = Saved::of(state).filter(|saved| saved.progress.quiesce != Quiesce::NotRun) else { return Ok(()) };
    Err(CliError::new(Exit::Refused, "traffic would go to the source, whose writes are stopped")
        .because_text(&format!("`quiesce_command` was run by {}, and the source was not released since", saved.report.id))
        .remains("nothing was changed")
        .hint(format!("`{}` sends all traffic there and releases it", again(globals, "traffic rollback", &Chosen::default())))
        .hint("`--force` shifts all the same, and releases nothing"))
}

/// A cutover that has not ended shifts traffic itself.
fn refuse_beside_cutover(globals: &Globals, state: &State) -> Result<(), CliError> {
    let saved = Saved::of(state);
    let Some(saved) = saved.filter(Saved::is_under_way) else { return Ok(()) };
    Err(CliError::new(Exit::Refused, format!("a cutover is under way, at {}", saved.progress.live)).remains("nothing was changed").hint(format!(
        "`{}` goes on with it, `{}` ends it, `traffic rollback` brings all traffic back",
        again(globals, "cutover", &Chosen::default()),
        again(globals, "cutover --abort", &Chosen::default())
    )))
}
