//! One JSON event per line on standard output.

use super::show::Show;
use super::terminal::stdout;
use infra_core::events::Event;

pub(super) struct Json;

impl Show for Json {
    fn event(&self, event: &Event) {
        if let Ok(text) = serde_json::to_string(event) {
            stdout(&text);
        }
    }
}
