//! Plain lines on standard error, for pipes and build logs.

use super::format::{CONTINUED, line};
use super::show::Show;
use super::terminal::stderr;
use infra_base::terminal_text::indented;
use infra_core::events::Event;

pub(super) struct Plain {
    calls: bool,
}

impl Plain {
    pub(super) fn new(calls: bool) -> Self {
        Self { calls }
    }
}

impl Show for Plain {
    fn event(&self, event: &Event) {
        if let Some(text) = line(event, self.calls) {
            stderr(&indented(&text, CONTINUED));
        }
    }
}
