//! One JSON event a line on standard output.

use super::Show;
use crate::events::Event;

pub(super) struct Json;

impl Show for Json {
    fn event(&self, event: &Event) {
        if let Ok(text) = serde_json::to_string(event) {
            crate::cli::run::line(&text);
        }
    }
}
