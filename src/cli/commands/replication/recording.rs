//! Records that a comparison has found all rows equal.

use super::comparison::Compared;
use super::verdict::Validated;
use crate::cli::app::App;
use crate::cli::ui::stderr;
use infra_base::causes::with_causes;
use infra_core::events::Events;
use infra_migration::validation;
use infra_workflow::Session;

/// Records comparisons that found all rows equal. If the state is in use, only a notice says that it was not recorded.
pub(super) async fn record(app: &App, all: &[Validated]) {
    let equal = all.iter().filter_map(|one| match &one.comparison {
        Compared::Yes(comparison, Some(beginning)) => {
            Some((&one.replication, beginning.validation(&app.workspace.config, &one.replication, comparison)?))
        }
        _ => None,
    });
    let equal: Vec<_> = equal.collect();
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
    for (replication, validation) in equal {
        if let Err(error) = validation::record(&session.context, replication, &validation).await {
            not_recorded(with_causes(&error));
        }
    }
    session.close().await;
}
