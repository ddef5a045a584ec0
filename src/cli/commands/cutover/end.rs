//! How a cutover ended, and what to do next.

use std::path::PathBuf;

use serde_json::json;

use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::ONE_WAY;
use crate::cli::runs;
use crate::cli::ui::{next_steps, stdout};
use infra_migration::cutover::{Outcome, PersistedCutover};
use infra_workflow::refusal::MigrationRefusal;

/// Summarises a cutover. `written` contains the paths of its report.
pub(super) fn end(
    app: &App,
    outcome: &Outcome,
    cutover: &PersistedCutover,
    written: &std::io::Result<[PathBuf; 2]>,
) -> Result<u8, CliError> {
    let report = match written {
        Ok([json, markdown]) => format!("the report is in {} and {}", markdown.display(), json.display()),
        Err(error) => format!("cannot write the report: {error}; the state contains it"),
    };
    let live = cutover.progress.live;
    let event = json!({
        "event": "cutover_ended",
        "outcome": outcome.as_str(),
        "why": outcome.why(),
        "live": live.percent(),
        "record": written.as_ref().ok(),
    });
    runs::value(&event);
    if app.options.is_json() {
        stdout(&event.to_string());
    }
    let failed = |exit: Exit, what: String| {
        let error = CliError::new(exit, what).unchanged(report.as_str());
        outcome.why().into_iter().fold(error, CliError::because_text)
    };
    match outcome {
        Outcome::Completed => {
            app.info(&format!("done: all traffic goes to the target, and the gates passed until the end; {report}"));
            if !app.options.is_json() {
                next_steps([
                    (app.command("watch"), "watch it for a day or two"),
                    (
                        app.command("traffic rollback"),
                        "send all traffic back to the source, without what was written since",
                    ),
                    (app.command("runbook"), "its last phase removes the source once it is no longer needed"),
                ]);
            }
            Ok(0)
        }
        Outcome::RolledBack { .. } | Outcome::Aborted { rolled_back: true, .. } => {
            let error = failed(Exit::RolledBack, format!("{outcome}: all traffic goes to the source"))
                .hint(format!("`{}` starts again", app.command("cutover")));
            let error = if cutover.report.had_traffic() { error.hint(ONE_WAY) } else { error };
            let release = app.command("traffic emergency --release");
            Err(if cutover.progress.taken_out {
                error.hint(format!("the emergency switch has taken the target out; `{release}` restores it"))
            } else {
                error
            })
        }
        Outcome::Held { .. } | Outcome::Aborted { .. } => {
            let error = failed(Exit::Held, format!("{outcome}: {live} of the traffic goes to the target"));
            let next = match cutover.report.plan.pause_at.contains(&live) {
                true => format!("`{}` approves it", app.command("cutover --approve")),
                false => format!("`{}` resumes it", app.command("cutover")),
            };
            Err(error
                .hint(next)
                .hint(format!("`{}` sends all traffic back to the source", app.command("traffic rollback"))))
        }
        Outcome::NotReleased { error, .. } => {
            let mut explained =
                app.explain(MigrationRefusal::NotReleased { reason: error.clone() }).unchanged(report.as_str());
            explained.causes.splice(..0, outcome.why().map(str::to_owned));
            Err(explained)
        }
        Outcome::RollbackStuck { error, .. } => {
            Err(failed(Exit::Stuck, "traffic is not back on the source".to_owned()).because_text(error).hint(format!(
                "`{}` tries again; if Route 53's control plane is down, `{}` takes the target out without it",
                app.command("traffic rollback"),
                app.command("traffic emergency")
            )))
        }
    }
}
