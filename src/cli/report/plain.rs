//! Plain lines on standard error, for pipes and build logs.

use super::Show;
use super::words::line;
use crate::events::Event;

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
            crate::cli::run::say(&text);
        }
    }
}
