//! Records that a comparison has found all rows equal.

use super::comparison::Compared;
use super::point::Beginning;
use super::verdict::Validated;
use crate::cli::app::App;
use crate::cli::error::with_causes;
use crate::cli::ui::stderr;
use infra_compare::Verdict;
use infra_core::events::Events;
use infra_migration::validation::{self, Validation};
use infra_workflow::Session;

/// Records comparisons that found all rows equal. If the state is in use, only a notice says that it was not recorded.
pub(super) async fn record(app: &App, all: &[Validated]) {
    let equal: Vec<_> = all
        .iter()
        .filter_map(|one| match &one.comparison {
            Compared::Yes(comparison, Some(beginning)) if comparison.data == Verdict::Equal => {
                Some((&one.replication, comparison.milliseconds, beginning))
            }
            _ => None,
        })
        .collect();
    if equal.is_empty() {
        return;
    }
    let not_recorded = |reason: String| {
        stderr(&format!(
            "notice: the result was not recorded, so a switchover counts rows instead of comparing ({reason})"
        ));
    };
    let session = match Session::open(&app.workspace, "replication validate", Events::nowhere()).await {
        Ok(session) => session,
        Err(error) => return not_recorded(with_causes(&error)),
    };
    for (replication, milliseconds, beginning) in equal {
        let Beginning { at, primary, point, bytes } = beginning;
        let validation = Validation {
            at: at.clone(),
            primary: *primary,
            task: replication.task.clone(),
            point: point.clone(),
            milliseconds,
            bytes: *bytes,
        };
        if let Err(error) = validation::record(&session.context, replication, &validation).await {
            not_recorded(with_causes(&error));
        }
    }
    session.close().await;
}
