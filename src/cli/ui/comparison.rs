//! Progress of a database comparison.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use super::terminal::can_draw;
use crate::cli::options::GlobalOptions;
use infra_base::terminal_text::one_line;
use infra_compare::Progress;

/// A progress bar, if there is a terminal.
pub(in crate::cli) struct ComparisonProgress(Option<ProgressBar>);

impl ComparisonProgress {
    /// Selects the display.
    pub(in crate::cli) fn start(options: &GlobalOptions) -> Self {
        let bar = (!options.is_json() && can_draw()).then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{spinner} {pos} of {len} tables, {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self(bar)
    }

    /// Displays a step.
    pub(in crate::cli) fn step(&self, step: &Progress) {
        if let Some(bar) = &self.0 {
            bar.set_length(step.tables as u64);
            bar.set_position(step.tables_done as u64);
            let message = format!("{}: {} of about {} rows", step.table, step.rows_done, step.rows_expected);
            bar.set_message(one_line(&message).into_owned());
        }
    }

    /// Removes the bar.
    pub(in crate::cli) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
