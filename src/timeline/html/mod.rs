//! A run as one page without anything from elsewhere: no script, no request, for a screen, paper and a screen reader.
//!
//! [`View`] is the part that changes while a run is under way. A server puts it into [`live_page`], whose script
//! replaces it.

mod charts;
mod escape;
mod gantt;
mod graph;
mod live;
mod overview;
mod switchover;
mod tables;

use crate::model::Timeline;
use escape::escape;
pub use live::{SCRIPT, View, live_page};

/// The style sheet of a page.
const STYLE: &str = include_str!("style.css");

/// Returns the page of a run.
pub fn page(timeline: &Timeline) -> String {
    // Nothing is loaded, whatever the text of others in the page says.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    document(&title(timeline), &meta_policy(policy), &body(timeline))
}

/// Returns a whole document. `head` and `body` are HTML.
fn document(title: &str, head: &str, body: &str) -> String {
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n{head}\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n{body}</body>\n</html>\n",
        escape(title)
    )
}

fn meta_policy(policy: &str) -> String {
    format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n")
}

fn title(timeline: &Timeline) -> String {
    format!("{}: {}", name(timeline), timeline.run.id)
}

fn name(timeline: &Timeline) -> String {
    format!("{} {}", timeline.run.command, timeline.run.stack)
}

/// Returns what is in the body of a page.
fn body(timeline: &Timeline) -> String {
    let version = match timeline.run.version.as_str() {
        "" => String::new(),
        version => format!(" {}", escape(version)),
    };
    let sections: String =
        parts(timeline).into_iter().map(|part| section(part.id, part.title, &part.content)).collect();
    format!(
        "<header>\n<h1>{}</h1>\n<p>Run <code>{}</code></p>\n{}</header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{sections}</main>\n\
         <footer><p>Times are seconds of AWS since the run began. Written by migrate-infra{version}.</p></footer>\n",
        escape(&name(timeline)),
        escape(&timeline.run.id),
        navigation(timeline),
    )
}

/// A section of the page.
struct Part {
    id: &'static str,
    title: &'static str,
    content: String,
}

/// Returns the sections that have content, in their order.
fn parts(timeline: &Timeline) -> Vec<Part> {
    let migration = timeline.migration.as_ref();
    let seconds = timeline.seconds;
    let of =
        |draw: fn(&crate::model::Migration, f64) -> String| migration.map(|of| draw(of, seconds)).unwrap_or_default();
    let all = [
        ("summary", "Summary", overview::summary(timeline)),
        ("errors", "Errors", tables::errors(timeline)),
        ("traffic", "Traffic", of(charts::traffic)),
        ("lag", "Lag of the replication", of(charts::lag)),
        ("gates", "Gates", of(charts::gates)),
        ("switchover", "Switchover", migration.map(switchover::table).unwrap_or_default()),
        ("path", "Critical path", overview::critical_path(timeline)),
        ("chart", "Gantt chart", gantt::table(timeline)),
        ("phases", "Phases", gantt::phases(timeline)),
        ("graph", "Graph", graph::picture(timeline)),
        ("estimates", "Estimate against actual", tables::estimates(timeline)),
        ("calls", "Calls for each service", tables::calls(timeline)),
        ("notices", "Notices", tables::notices(timeline)),
    ];
    let parts = all.into_iter().map(|(id, title, content)| Part { id, title, content });
    parts.filter(|part| !part.content.is_empty()).collect()
}

fn section(id: &str, title: &str, content: &str) -> String {
    format!("<section id=\"{id}\" aria-labelledby=\"{id}-h\">\n<h2 id=\"{id}-h\">{title}</h2>\n{content}</section>\n")
}

fn navigation(timeline: &Timeline) -> String {
    let link = |part: Part| format!("<li><a href=\"#{}\">{}</a></li>\n", part.id, part.title);
    let links: String = parts(timeline).into_iter().map(link).collect();
    format!("<nav aria-label=\"Sections\">\n<ul>\n{links}</ul>\n</nav>\n")
}
