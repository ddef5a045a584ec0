//! A run as one page without anything from elsewhere: no script, no request, for a screen, paper and a screen reader.
//!
//! [`sections`] is the part that changes while a run is under way, so that a page which is served can replace it.

mod charts;
mod escape;
mod gantt;
mod graph;
mod overview;
mod switchover;
mod tables;

use crate::model::Timeline;
use escape::escape;

/// The style sheet of a page.
pub const STYLE: &str = include_str!("style.css");

/// Returns the page of a run.
pub fn page(timeline: &Timeline) -> String {
    let title = escape(&format!("{} {}", timeline.run.command, timeline.run.stack));
    let id = escape(&timeline.run.id);
    let version = match timeline.run.version.as_str() {
        "" => String::new(),
        version => format!(" {}", escape(version)),
    };
    // Nothing is loaded, whatever the text of others in the page says.
    let policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'";
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <title>{title}: {id}</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <a class=\"skip\" href=\"#main\">Skip to the content</a>\n\
         <header>\n<h1>{title}</h1>\n<p>Run <code>{id}</code></p>\n{}</header>\n\
         <main id=\"main\" tabindex=\"-1\">\n{}</main>\n\
         <footer><p>Times are seconds of AWS since the run began. Written by migrate-infra{version}.</p></footer>\n\
         </body>\n</html>\n",
        navigation(timeline),
        sections(timeline),
    )
}

/// Returns the sections of the page.
pub fn sections(timeline: &Timeline) -> String {
    parts(timeline).into_iter().map(|part| section(part.id, part.title, &part.content)).collect()
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
