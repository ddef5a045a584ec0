//! The forms of a report: for a terminal, for programs, and for a change ticket.

use super::model::Report;
use super::{html, text};

impl Report {
    /// Returns the report for a terminal.
    pub fn text(&self) -> String {
        text::render(self)
    }

    /// Returns the report as JSON.
    pub fn json(&self) -> String {
        // A structure of numbers, texts and maps with text keys has a JSON form.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }

    /// Returns the report as one page without external resources.
    pub fn html(&self) -> String {
        html::render(self)
    }
}
