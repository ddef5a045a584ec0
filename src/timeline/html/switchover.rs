//! The switchovers of the databases.

use super::escape::{axis, escape, piece, time};
use crate::model::{Migration, Row, Switchover};

/// Returns the switchovers.
pub(super) fn table(migration: &Migration) -> String {
    migration.switchovers.iter().map(one).collect()
}

fn one(switchover: &Switchover) -> String {
    let begin = switchover.rows.first().map_or(0.0, |row| row.from);
    let length = switchover.rows.last().map_or(0.0, |row| row.to - begin);
    let row = |row: &Row| {
        let undone = if row.undone { " <strong>undone</strong>" } else { "" };
        format!(
            "<tr><th scope=\"row\">{}{undone}</th><td class=\"num\">{}</td><td class=\"num\">{}</td>\
             <td class=\"lane\">{}</td></tr>\n",
            escape(&row.name),
            row.forecast.map(time).unwrap_or_default(),
            time(row.to - row.from),
            piece(if row.undone { "fail-span" } else { "work" }, [row.from - begin, row.to - begin], length)
        )
    };
    let rows: String = switchover.rows.iter().map(row).collect();
    let closed = switchover.closed_seconds.map(|closed| {
        let forecast = switchover.forecast_seconds.map(|time| format!(", forecast {}", self::time(time)));
        format!(" Clients could not write for <strong>{}</strong>{}.", time(closed), forecast.unwrap_or_default())
    });
    let why = switchover.why.as_ref().map(|why| format!(" {}", escape(why))).unwrap_or_default();
    format!(
        "<p>From the {} to the {}: {}.{}{why}</p>\n\
         <div class=\"scroll\" role=\"group\" aria-label=\"Rows of the switchover\" tabindex=\"0\">\n\
         <table class=\"gantt\">\n<thead><tr><th scope=\"col\">Row</th><th scope=\"col\" class=\"num\">Forecast</th>\
         <th scope=\"col\" class=\"num\">Actual</th><th scope=\"col\" class=\"lane\">\
         <span class=\"hidden\">Time since the first row</span>\
         <span class=\"axis\" aria-hidden=\"true\">{}</span></th></tr></thead>\n\
         <tbody>\n{rows}</tbody>\n</table>\n</div>\n",
        escape(&switchover.from),
        escape(&switchover.to),
        escape(switchover.outcome.as_deref().unwrap_or("unfinished")),
        closed.unwrap_or_default(),
        axis(length)
    )
}
