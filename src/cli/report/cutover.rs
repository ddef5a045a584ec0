//! A cutover as lines: each phase, each change of traffic, and each verdict that is another one than before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::mpsc;

use super::board::Board;
use super::keys::Keys;
use super::words::{duration, line};
use super::{Show, json};
use crate::cli::args::{Globals, OutputFormat};
use crate::cli::run::{can_draw, say};
use crate::events::{Event, Events};
use crate::migration::schedule::{Input, Schedule};

/// Lines that say what is new.
#[derive(Default)]
pub(super) struct Lines {
    phase: Option<(String, u8)>,
    verdicts: BTreeMap<String, String>,
    health: BTreeMap<&'static str, (u32, u32)>,
}

impl Lines {
    /// The line for an event, unless it says what was said before.
    pub(super) fn of(&mut self, event: &Event, calls: bool) -> Option<String> {
        match event {
            Event::Cutover { phase, live, intended, seconds, until, step, steps, .. } => {
                let now = ((*phase).to_owned(), *live);
                if self.phase.replace(now.clone()) == Some(now) {
                    return None;
                }
                let to = if intended == live { String::new() } else { format!(", on the way to {intended} %") };
                let left = until.map(|until| format!(", {} left", duration(until.saturating_sub(*seconds)))).unwrap_or_default();
                Some(format!("{}  {phase} at {live} %{to} (step {step} of {steps}{left})", clock(*seconds)))
            }
            Event::Judged { gate, verdict, text, .. } => {
                let before = self.verdicts.insert(gate.clone(), (*verdict).to_owned());
                if before.as_deref() == Some(*verdict) {
                    return None;
                }
                Some(format!("       {verdict:<10} {gate}: {text}"))
            }
            Event::Health { environment, healthy, desired } => {
                let before = self.health.insert(environment, (*healthy, *desired));
                let is_news = before != Some((*healthy, *desired));
                is_news.then(|| format!("       {environment}: {healthy} of {desired} targets healthy"))
            }
            other => line(other, calls),
        }
    }
}

/// Hours, minutes and seconds since it began.
pub(super) fn clock(seconds: u64) -> String {
    format!("{:02}:{:02}:{:02}", seconds / 3600, seconds % 3600 / 60, seconds % 60)
}

struct Told {
    lines: Mutex<Lines>,
    calls: bool,
}

impl Show for Told {
    fn event(&self, event: &Event) {
        if let Some(text) = self.lines.lock().unwrap_or_else(PoisonError::into_inner).of(event, self.calls) {
            say(&text);
        }
    }
}

/// Shows a cutover: as a board on a terminal, as lines without one, or as JSON.
pub(in crate::cli) struct CutoverReporter {
    show: Arc<dyn Show>,
    board: Option<Arc<Board>>,
}

impl CutoverReporter {
    /// Chooses how to show: a board where there is a terminal with somebody in front of it.
    pub(in crate::cli) fn start(globals: &Globals, schedule: &Schedule, keys: Keys) -> Self {
        use std::io::IsTerminal;
        let calls = globals.verbose > 0;
        if globals.output == OutputFormat::Text
            && can_draw()
            && std::io::stdin().is_terminal()
            && let Ok(board) = Board::start(&schedule.gates, keys)
        {
            let board = Arc::new(board);
            return Self { show: board.clone(), board: Some(board) };
        }
        let show: Arc<dyn Show> = match globals.output {
            OutputFormat::Json => Arc::new(json::Json),
            OutputFormat::Text => Arc::new(Told { lines: Mutex::default(), calls }),
        };
        Self { show, board: None }
    }

    /// Returns whether somebody can press keys.
    pub(in crate::cli) fn has_keys(&self) -> bool {
        self.board.is_some()
    }

    /// Returns where to send events.
    pub(in crate::cli) fn events(&self) -> Events {
        let show = Arc::clone(&self.show);
        Events::to(move |event| show.event(&event))
    }

    /// Passes on what keys ask for.
    pub(in crate::cli) fn keys(&self, inputs: mpsc::UnboundedSender<Input>) {
        if let Some(board) = &self.board {
            board.keys(inputs);
        }
    }

    /// Takes the board away.
    pub(in crate::cli) fn finish(&self) {
        self.show.finish();
    }
}
