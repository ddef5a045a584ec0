//! A cutover as lines: each phase, each traffic change, and each verdict that differs from the previous one.

use std::io::IsTerminal;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::dashboard::Dashboard;
use super::format::CONTINUED;
use super::json::Json;
use super::keys::Keys;
use super::log_file;
use super::log_lines::LogLines;
use super::show::Show;
use super::terminal::{can_draw, stderr};
use crate::cli::options::{GlobalOptions, OutputFormat};
use infra_base::terminal_text::indented;
use infra_core::events::{Event, Events};
use infra_migration::cutover::{CutoverPlan, Input};

struct LogView {
    lines: Mutex<LogLines>,
    calls: bool,
}

impl Show for LogView {
    fn event(&self, event: &Event) {
        let line = self.lines.lock().unwrap_or_else(PoisonError::into_inner).next(event, self.calls);
        if let Some(text) = line {
            stderr(&indented(&text, CONTINUED));
        }
    }
}

/// Displays a cutover: a dashboard on a terminal, lines without one, or JSON.
pub(in crate::cli) struct CutoverReporter {
    show: Arc<dyn Show>,
    dashboard: Option<Arc<Dashboard>>,
}

impl CutoverReporter {
    /// Selects the display: a dashboard if there is a terminal for input and output.
    pub(in crate::cli) fn start(options: &GlobalOptions, plan: &CutoverPlan, keys: Keys) -> Self {
        let calls = options.verbose > 0;
        if !options.is_json()
            && can_draw()
            && std::io::stdin().is_terminal()
            && let Ok(dashboard) = Dashboard::start(&plan.gates, keys)
        {
            let dashboard = Arc::new(dashboard);
            return Self { show: dashboard.clone(), dashboard: Some(dashboard) };
        }
        let show: Arc<dyn Show> = match options.output {
            OutputFormat::Json => Arc::new(Json),
            OutputFormat::Text => Arc::new(LogView { lines: Mutex::default(), calls }),
        };
        Self { show, dashboard: None }
    }

    /// Returns whether keys can be pressed.
    pub(in crate::cli) fn has_keys(&self) -> bool {
        self.dashboard.is_some()
    }

    /// Returns the sink for events.
    pub(in crate::cli) fn events(&self) -> Events {
        log_file::events(Arc::clone(&self.show))
    }

    /// Forwards the inputs of keys, which `who` presses.
    pub(in crate::cli) fn forward_keys(&self, inputs: mpsc::UnboundedSender<Input>, who: &str) {
        if let Some(dashboard) = &self.dashboard {
            dashboard.forward_keys(inputs, who);
        }
    }

    /// Removes the dashboard.
    pub(in crate::cli) fn finish(&self) {
        self.show.finish();
    }
}
