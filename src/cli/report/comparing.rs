//! How far a comparison of databases is.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::cli::args::{Globals, OutputFormat};
use crate::cli::run::can_draw;
use crate::migration::compare::Progress;

/// A bar on the terminal, if there is one.
pub(in crate::cli) struct Comparing(Option<ProgressBar>);

impl Comparing {
    /// Chooses how to show.
    pub(in crate::cli) fn start(globals: &Globals) -> Self {
        let bar = (globals.output == OutputFormat::Text && can_draw()).then(|| {
            let bar = ProgressBar::new(0);
            let style = ProgressStyle::with_template("{spinner} {pos} of {len} tables, {msg}");
            bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        Self(bar)
    }

    /// Shows a step.
    pub(in crate::cli) fn step(&self, step: &Progress) {
        if let Some(bar) = &self.0 {
            bar.set_length(step.tables as u64);
            bar.set_position(step.tables_done as u64);
            bar.set_message(format!("{}: {} of about {} rows", step.table, step.rows_done, step.rows_expected));
        }
    }

    /// Takes the bar away.
    pub(in crate::cli) fn finish(&self) {
        if let Some(bar) = &self.0 {
            bar.finish_and_clear();
        }
    }
}
