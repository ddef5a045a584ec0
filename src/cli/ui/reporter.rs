//! Displays a run: redrawn on a terminal, as plain lines without one, or as JSON.

use std::sync::Arc;

use super::json::Json;
use super::log_file;
use super::plain::Plain;
use super::progress::Progress;
use super::show::Show;
use super::terminal::{can_draw, colour};
use crate::cli::options::{GlobalOptions, OutputFormat};
use crate::cli::runs;
use infra_base::clock::Clock;
use infra_core::events::Events;
use infra_core::plan::Plan;

/// Displays one run.
pub(in crate::cli) struct Reporter(Arc<dyn Show>);

impl Reporter {
    /// Selects the display.
    pub(in crate::cli) fn start(options: &GlobalOptions) -> Self {
        let calls = options.verbose > 0;
        Self(match options.output {
            OutputFormat::Json => Arc::new(Json),
            OutputFormat::Text if can_draw() => Arc::new(Progress::new(calls, colour(options))),
            OutputFormat::Text => Arc::new(Plain::new(calls)),
        })
    }

    /// Returns the sink for events.
    pub(in crate::cli) fn events(&self) -> Events {
        log_file::events(Arc::clone(&self.0))
    }

    /// Announces the plan.
    pub(in crate::cli) fn plan(&self, plan: &Plan, clock: Clock) {
        runs::plan(plan);
        self.0.plan(plan, clock);
    }

    /// Removes the display.
    pub(in crate::cli) fn finish(&self) {
        self.0.finish();
    }
}
