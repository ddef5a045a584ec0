//! `cutover finish`.

use serde_json::json;

use super::args::FinishArgs;
use crate::cli::app::App;
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, next_steps, stdout};
use infra_config::Side;
use infra_database::slots::Leftover;
use infra_migration::switchover::{After, Removed};
use infra_migration::topology::Topology;
use infra_workflow::finish::{FinishRequest, check_finish, finish};
use infra_workflow::switchover::operations;

pub(super) async fn run(app: &App, args: &FinishArgs) -> Result<u8, Failure> {
    let workspace = &app.workspace;
    let state = workspace.read_usable_state().await?;
    let record = check_finish(&state)?;
    let primary = record.primary();
    let urls = args.databases.urls(app)?;
    if record.after == After::Finished && Topology::of(&state).loads.is_empty() {
        app.info("nothing to do: the migration is finished, and what only it needed is removed");
        return Ok(0);
    }
    let question = format!(
        "The database of the {primary} stays the primary. Changes are no longer replicated to the other one, so \
         that nothing leads back.\nFinish the migration?"
    );
    confirm(&question, args.yes)?;
    let reporter = Reporter::start(&app.options);
    let session = app.open_session("cutover finish", reporter.events()).await?;
    let request = FinishRequest { slots: args.slots.clone(), remove_guard: args.remove_guard };
    let finished = match operations(workspace, &session.context, urls) {
        Ok(operations) => finish(&operations, &request).await,
        Err(refusal) => Err(refusal),
    };
    reporter.finish();
    session.close().await;
    show(app, primary, &finished?);
    Ok(0)
}

fn show(app: &App, primary: Side, removed: &Removed) {
    if app.options.is_json() {
        let one =
            |(side, object): &(String, Leftover)| json!({ "side": side, "kind": object.kind, "name": object.name });
        let column = |(side, column): &(String, String)| json!({ "side": side, "name": column });
        let list = |objects: &[(String, Leftover)]| objects.iter().map(one).collect::<Vec<_>>();
        let event = json!({
            "event": "migration_finished",
            "primary": primary,
            "removed": list(&removed.objects),
            "other_slots": list(&removed.other_slots),
            "identity_columns": removed.identities.iter().map(column).collect::<Vec<_>>(),
        });
        stdout(&event.to_string());
        return;
    }
    for (side, object) in &removed.objects {
        app.info(&format!("removed from the database of the {side}: {object}"));
    }
    for (side, column) in &removed.identities {
        app.info(&format!("GENERATED ALWAYS again in the database of the {side}: {column}"));
    }
    for (side, object) in &removed.other_slots {
        app.info(&format!("not of this migration, and kept, in the database of the {side}: {object}"));
    }
    app.info(&format!("done: the migration is finished, and the database of the {primary} is the primary"));
    match primary {
        Side::Target => next_steps([
            (
                app.command("up"),
                "removes what only the migration needed, after `--delete` for the log of the replication",
            ),
            (app.command("runbook"), "its last phase removes the source once it is no longer needed"),
        ]),
        Side::Source => {
            next_steps([(app.command("replication start --reload"), "begins another migration with a new load")]);
        }
    }
}
