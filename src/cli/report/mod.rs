//! Showing a run while it goes on, and summing it up at the end. Everything here only listens to events.

mod board;
mod comparing;
mod cutover;
mod json;
mod keys;
mod live;
mod plain;
mod plan_markdown;
mod plan_text;
mod reference;
mod summary;
pub(super) mod values;
mod words;

use std::sync::Arc;

pub(super) use board::give_back as give_back_terminal;
pub(super) use comparing::Comparing;
pub(super) use cutover::CutoverReporter;
pub(super) use keys::Keys;
pub(super) use plan_markdown::markdown;
pub(super) use plan_text::show as show_plan;
pub(super) use reference::reference;
pub(super) use summary::{end_of_down, end_of_up, go_on, next, unfinished};
pub use words::duration;

use super::args::{Globals, OutputFormat};
use super::run::{can_draw, colour};
use crate::clock::Clock;
use crate::events::{Event, Events};
use crate::plan::Plan;

/// Something that shows events.
trait Show: Send + Sync {
    fn event(&self, event: &Event);
    fn plan(&self, _plan: &Plan, _clock: Clock) {}
    fn finish(&self) {}
}

/// Shows one run: live on a terminal, as plain lines without one, or as JSON.
pub(super) struct Reporter(Arc<dyn Show>);

impl Reporter {
    /// Chooses how to show.
    pub(super) fn start(globals: &Globals) -> Self {
        let calls = globals.verbose > 0;
        Self(match globals.output {
            OutputFormat::Json => Arc::new(json::Json),
            OutputFormat::Text if can_draw() => Arc::new(live::Live::new(calls, colour(globals))),
            OutputFormat::Text => Arc::new(plain::Plain::new(calls)),
        })
    }

    /// Returns where to send events.
    pub(super) fn events(&self) -> Events {
        let show = Arc::clone(&self.0);
        Events::to(move |event| show.event(&event))
    }

    /// Tells what is going to be done.
    pub(super) fn plan(&self, plan: &Plan, clock: Clock) {
        self.0.plan(plan, clock);
    }

    /// Takes the live display away.
    pub(super) fn finish(&self) {
        self.0.finish();
    }
}
