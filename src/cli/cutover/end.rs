//! How a cutover ended: its record, and what to do next.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::cli::again::again;
use crate::cli::args::{Chosen, Globals, OutputFormat};
use crate::cli::failure::{CliError, Exit};
use crate::cli::run::line;
use crate::cli::traffic::ONE_WAY;
use crate::cli::{down, whole};
use crate::migration::record::Record as Report;
use crate::migration::saved::Saved;
use crate::migration::schedule::Outcome;

/// Writes the record as JSON and as a page; returns the names of both.
pub(super) fn write(directory: &Path, report: &Report) -> std::io::Result<[PathBuf; 2]> {
    std::fs::create_dir_all(directory)?;
    let json = report.to_json().map_err(std::io::Error::other)?;
    let files = [("json", json), ("md", report.to_markdown())];
    let mut written = Vec::new();
    for (ending, text) in files {
        let path = directory.join(format!("{}.{ending}", report.id));
        whole::write(&path, &text)?;
        written.push(path);
    }
    let [json, page] = [written.remove(0), written.remove(0)];
    Ok([json, page])
}

pub(super) fn end(globals: &Globals, outcome: &Outcome, saved: &Saved, written: &std::io::Result<[PathBuf; 2]>) -> Result<u8, CliError> {
    let record = match written {
        Ok([json, page]) => format!("the record is in {} and {}", page.display(), json.display()),
        Err(error) => format!("the record could not be written: {error}; it is in the state"),
    };
    let next = |verb: &str| again(globals, verb, &Chosen::default());
    let live = saved.progress.live;
    let because = |error: CliError| match outcome.why() {
        Some(why) => error.because_text(why),
        None => error,
    };
    if globals.output == OutputFormat::Json {
        let files = written.as_ref().ok();
        line(
            &json!({ "event": "cutover_ended", "outcome": outcome.as_str(), "why": outcome.why(), "live": live.percent(), "record": files })
                .to_string(),
        );
    }
    match outcome {
        Outcome::Completed => {
            down::say(globals, &format!("done: all traffic goes to the target, and the gates held to the end; {record}"));
            if globals.output == OutputFormat::Text {
                crate::cli::report::go_on([
                    (next("watch"), "watch it for a day or two"),
                    (next("traffic rollback"), "send all traffic back to the source, without what was written since"),
                    (next("runbook"), "its last phase takes the source down when it is not needed any more"),
                ]);
            }
            Ok(0)
        }
        Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. } => {
            let what = format!("{outcome}: all traffic goes to the source");
            let error = because(CliError::new(Exit::RolledBack, what)).remains(record).hint(format!("`{}` begins anew", next("cutover")));
            Err(if saved.report.had_traffic() { error.hint(ONE_WAY) } else { error })
        }
        Outcome::Held { .. } | Outcome::Aborted { .. } => {
            let error = because(CliError::new(Exit::Held, format!("{outcome}: {live} of the traffic goes to the target"))).remains(record);
            let approve = saved.report.schedule.pause_at.contains(&live).then(|| format!("`{}` approves it", next("cutover --approve")));
            let error = match approve {
                Some(hint) => error.hint(hint),
                None => error.hint(format!("`{}` goes on from there", next("cutover"))),
            };
            Err(error.hint(format!("`{}` sends all traffic back to the source", next("traffic rollback"))))
        }
        Outcome::NotReleased { error, .. } => Err(because(not_released(globals)).because_text(error).remains(record)),
        Outcome::RollbackStuck { error, .. } => {
            Err(because(CliError::new(Exit::Stuck, "traffic is not back on the source")).because_text(error).remains(record).hint(format!(
                "`{}` tries again; if Route 53's control plane is down, `{}` takes the target out without it",
                next("traffic rollback"),
                next("traffic emergency")
            )))
        }
    }
}

pub(super) fn not_released(globals: &Globals) -> CliError {
    CliError::new(Exit::Stuck, "all traffic goes to the source, and its release command failed: the source may refuse writes")
        .hint(format!("`{}` runs it again", again(globals, "cutover", &Chosen::default())))
        .hint("or run it by hand")
}
