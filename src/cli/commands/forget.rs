//! `forget`: removes resources from the state without deleting them.

use clap::Args;
use clap_complete::engine::ArgValueCandidates;

use crate::cli::app::App;
use crate::cli::existing::addresses;
use crate::cli::explain::Failure;
use crate::cli::ui::{Reporter, confirm, stdout};
use infra_workflow::approval::Approval;
use infra_workflow::forget::{dependents, digest, records, renamed, select};
use infra_workflow::{Error, Session};

/// Remove resources from the state without deleting them.
///
/// Nothing in AWS is changed: they continue to exist, and this stack no longer manages them.
///
/// Their ownership tags stay. If the configuration still contains a resource, `up` imports it again; otherwise
/// `orphans` lists it. A renamed resource carries the tags of its old address: `state rebuild` imports it by its entry
/// in `[[moved]]`, which is required.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra forget source/storage/bucket-source\n  \
                        migrate-infra forget 'target/monitoring/*' -y")]
pub struct ForgetArgs {
    /// Addresses; supports `*` wildcards.
    #[arg(required = true, value_name = "ADDRESS", add = ArgValueCandidates::new(addresses))]
    addresses: Vec<String>,
    /// Skip confirmation.
    #[arg(short, long)]
    yes: bool,
}

pub(in crate::cli) async fn run(app: &App, args: &ForgetArgs) -> Result<u8, Failure> {
    let config = &app.workspace.config;
    let state = app.workspace.read_usable_state().await?;
    let selected = select(config, &state, &args.addresses)?;
    if selected.is_empty() {
        app.info("nothing to forget: the state does not contain them");
        return Ok(0);
    }
    let mut approval = Approval::preapproved();
    if !args.yes {
        for address in &selected {
            stdout(&format!("  {address}"));
        }
        for (user, used) in dependents(&state, &selected) {
            stdout(&format!("note: {user} depends on {used} and stays in the state"));
        }
        confirm("\nForget these? Nothing in AWS is changed.", false)?;
        approval = Approval::of(digest(&selected));
    }
    let reporter = Reporter::start(&app.options);
    let session = Session::open(&app.workspace, "forget", reporter.events()).await?;
    // The state may have changed before the user answered.
    let selected = session.context.journal.read(|state| select(config, state, &args.addresses));
    let approved = selected.and_then(|selected| {
        approval.verify(&digest(&selected))?;
        Ok::<_, Error>(selected)
    });
    let (session, selected) = session.or_close(approved).await?;
    let written = session.context.journal.write(records(&selected)).await;
    reporter.finish();
    session.close().await;
    written?;
    app.info(&format!("{} resources are forgotten; they still exist", selected.len()));
    if !renamed(&state, &selected).is_empty() {
        app.info(&format!(
            "renamed resources carry the tags of their old address: `{}` imports them, and `up` would create others",
            app.command("state rebuild")
        ));
    }
    Ok(0)
}
