//! A cutover that somebody has rolled back by hand.

use super::end::{not_released, write};
use super::records;
use crate::cli::args::Globals;
use crate::cli::failure::CliError;
use crate::cli::session;
use crate::config::Config;
use crate::engine::Context;
use crate::events::Event;
use crate::migration::Split;
use crate::migration::hook::{Hook, Hooks, ended};
use crate::migration::saved::Saved;
use crate::migration::schedule::{Input, Outcome};
use crate::state::whoever;

/// A cutover ends, or is undone, with a roll-back that was made by hand: the source is released, and the record says so.
pub(in crate::cli) async fn rolled_back_by_hand(globals: &Globals, config: &Config, context: &Context) -> Result<(), CliError> {
    let Some(mut saved) = context.journal.read(Saved::of).filter(|saved| !saved.is_back()) else { return Ok(()) };
    let schedule = saved.report.schedule.clone();
    let seconds = |saved: &Saved| u64::try_from(context.cloud.unix_now() - saved.began).unwrap_or_default();
    let now = seconds(&saved);
    for input in [Input::RollbackAsked(format!("`traffic rollback` by {}", whoever())), Input::RollbackDone] {
        saved.take(&schedule, now, input);
    }
    context.journal.write(vec![saved.record()?]).await?;
    let hooks = Hooks::of(&config.cutover, &session::directory(globals, config));
    while saved.progress.outcome().is_none() {
        let ran = hooks.run(Hook::Release, &context.events, Split::SOURCE).await;
        let now = seconds(&saved);
        let at = saved.at(now);
        let input = ended(&mut saved.report, &at, Hook::Release, ran);
        saved.take(&schedule, now, input);
        context.journal.write(vec![saved.record()?]).await?;
    }
    if let Err(error) = write(&records(globals, config), &saved.report) {
        let text = format!("the record of the cutover could not be written: {error}; it is in the state");
        context.events.send(Event::Notice { address: None, text });
    }
    match saved.progress.outcome() {
        Some(Outcome::NotReleased { error, .. }) => Err(not_released(globals).because_text(error)),
        _ => Ok(()),
    }
}
