//! The page of a run under way. A server delivers it, and its script replaces what has changed.

use serde::Serialize;

use super::{body, document, escape, title};
use crate::model::Timeline;

/// The script of the page, which the page loads as `live.js`.
pub const SCRIPT: &str = include_str!("live.js");

/// The part of the page that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct View {
    /// The title of the page, as text.
    pub title: String,
    /// What the page says about its run, as text.
    pub status: String,
    /// The content, as HTML.
    pub content: String,
}

impl View {
    /// Returns the view of a run.
    pub fn of(timeline: &Timeline) -> Self {
        let status = match (&timeline.run.outcome, timeline.is_under_way) {
            (Some(outcome), _) => format!("The run has ended: {outcome}. The next one appears here."),
            (None, true) => "The run is under way.".to_owned(),
            (None, false) => {
                "The run was killed. Run its command again to resume; the new run appears here.".to_owned()
            }
        };
        Self { title: title(timeline), status, content: body(timeline) }
    }

    /// Returns the view of a stack without a run.
    pub fn without_run(stack: &str) -> Self {
        let content = format!(
            "<header>\n<h1>{}</h1>\n</header>\n<main id=\"main\" tabindex=\"-1\">\n\
             <p>No run is stored yet. It appears here when it begins.</p>\n</main>\n",
            escape(stack)
        );
        Self { title: stack.to_owned(), status: "Waiting for a run.".to_owned(), content }
    }
}

/// Returns the page. Without a script, it is loaded again every five seconds.
pub fn live_page(view: &View) -> String {
    // Browsers ask for an icon otherwise.
    let head = "<link rel=\"icon\" href=\"data:,\">\n<script type=\"module\" src=\"live.js\"></script>\n\
                <noscript><meta http-equiv=\"refresh\" content=\"5\"></noscript>\n";
    let body = format!(
        "<p id=\"status\" role=\"status\">{}</p>\n<div id=\"view\">\n{}</div>\n",
        escape(&view.status),
        view.content
    );
    document(&view.title, head, &body)
}
