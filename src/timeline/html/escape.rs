//! Text of others in a page.

use std::fmt::Write as _;

use infra_base::terminal_text::inline;

use crate::text::duration;

/// Returns text for an element or an attribute in double quotes. It has no control characters, and nothing that changes
/// the order of characters.
pub(super) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for char in inline(text).chars() {
        match char {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

/// Returns an address that a browser can wrap after each part.
pub(super) fn address(text: &str) -> String {
    escape(text).replace('/', "/<wbr>").replace('_', "_<wbr>")
}

/// Returns a duration.
pub(super) fn time(seconds: f64) -> String {
    duration(seconds).replace(' ', "&nbsp;")
}

/// Returns where something is on an axis of this length, in percent.
pub(super) fn percent(at: f64, length: f64) -> f64 {
    if length > 0.0 { (at / length * 100.0).clamp(0.0, 100.0) } else { 0.0 }
}

/// Returns a piece of a lane, from one moment to another.
pub(super) fn piece(class: &str, [from, to]: [f64; 2], length: f64) -> String {
    let (left, right) = (percent(from, length), percent(to, length));
    format!("<i class=\"{class}\" style=\"left:{left:.2}%;width:{:.2}%\"></i>", (right - left).max(0.0))
}

/// Returns the marks of a time axis.
pub(super) fn axis(length: f64) -> String {
    let mut text = String::new();
    for at in crate::text::marks(length, 5) {
        let left = percent(at, length);
        // A late mark would stand beyond the end, on a narrow screen earlier.
        if left < 92.0 {
            let class = if left > 60.0 { " class=\"late\"" } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(text, "<b{class} style=\"left:{left:.2}%\">{}</b>", time(at));
        }
    }
    text
}
