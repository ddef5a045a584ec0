//! Progress of a rehearsal: a line for each phase, and a line with what happens now.

use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use super::format::{CONTINUED, duration, rounded};
use super::terminal::{can_draw, stderr, stdout};
use crate::cli::options::GlobalOptions;
use crate::cli::runs;
use infra_base::terminal_text::{indented, one_line};
use infra_core::events::Event;
use infra_rehearsal::Live;
use infra_rehearse::{Observer, Status};

/// Shows the progress of a rehearsal.
pub(in crate::cli) struct RehearsalProgress {
    /// The lines that are redrawn, on a terminal.
    lines: Option<Lines>,
    json: bool,
}

struct Lines {
    all: MultiProgress,
    phase: ProgressBar,
    traffic: ProgressBar,
}

impl RehearsalProgress {
    /// Selects the display.
    pub(in crate::cli) fn start(options: &GlobalOptions) -> Self {
        let json = options.is_json();
        let lines = (!json && can_draw()).then(|| {
            let all = MultiProgress::new();
            let line = |template: &str| {
                let bar = all.add(ProgressBar::new_spinner());
                let style = ProgressStyle::with_template(template);
                bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
                bar.enable_steady_tick(Duration::from_millis(120));
                bar
            };
            let (phase, traffic) = (line("{spinner} {msg}"), line("  {msg}"));
            Lines { all, phase, traffic }
        });
        Self { lines, json }
    }

    /// Removes the lines that are redrawn.
    pub(in crate::cli) fn finish(&self) {
        if let Some(lines) = &self.lines {
            lines.phase.finish_and_clear();
            lines.traffic.finish_and_clear();
        }
    }

    fn print(&self, text: &str) {
        match &self.lines {
            // It only fails if standard error is closed, and then nobody reads it.
            Some(lines) => drop(lines.all.println(indented(text, CONTINUED))),
            None => stderr(&indented(text, CONTINUED)),
        }
    }
}

impl Observer for RehearsalProgress {
    fn phase(&self, name: &str) {
        let event = serde_json::json!({ "event": "rehearsal_phase", "phase": name });
        runs::value(&event);
        if self.json {
            stdout(&event.to_string());
        }
    }

    fn event(&self, event: &Event) {
        runs::event(event);
    }

    fn phase_ended(&self, name: &str, detail: &str) {
        let event = serde_json::json!({ "event": "rehearsal_phase_ended", "phase": name, "detail": detail });
        runs::value(&event);
        match (self.json, detail.is_empty()) {
            (true, _) => stdout(&event.to_string()),
            (false, true) => self.print(&format!("✓ {name}")),
            (false, false) => self.print(&format!("✓ {name}: {detail}")),
        }
    }

    fn status(&self, status: &Status) {
        let Some(lines) = &self.lines else { return };
        let passed = duration(rounded(status.aws_seconds));
        let kills = if status.kills > 0 { format!(", killed {} times", status.kills) } else { String::new() };
        let phase = format!("{} ({passed} of AWS{kills}): {}", status.phase, status.detail);
        lines.phase.set_message(one_line(&phase).into_owned());
        lines
            .traffic
            .set_message(status.traffic.as_ref().map(|live| traffic(live, status.lag_seconds)).unwrap_or_default());
    }
}

fn traffic(live: &Live, lag: Option<f64>) -> String {
    let sides = live.sides.iter().map(|(side, counts)| format!("{side} {:.0}/s", counts.per_second));
    let lag = lag.map(|lag| format!(", lag {lag:.0} s")).unwrap_or_default();
    format!(
        "payments: {} acknowledged, {} refused, {} unknown, {} in flight; {}{lag}",
        live.acknowledged,
        live.refused,
        live.unknown,
        live.in_flight,
        sides.collect::<Vec<_>>().join(", ")
    )
}
