//! `state`: inspects, migrates or rebuilds the state.

use clap::Subcommand;

use super::status::{id, status_name};
use crate::cli::app::App;
use crate::cli::error::{CliError, Exit};
use crate::cli::explain::Failure;
use crate::cli::signals::cancel_on_signal;
use crate::cli::ui::{Reporter, confirm, stdout, unfinished};
use infra_base::address::Address;
use infra_core::engine::Outcome;
use infra_core::plan::plan_discovery;
use infra_core::state::{Moved, State};
use infra_kinds::KINDS;
use infra_workflow::state_migration::StateMigration;
use infra_workflow::{Error, OnDamage, Session, plan_with_moves};

/// What to do with the state.
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// List addresses, statuses and AWS ids, one per line.
    #[command(after_help = "Example:\n  migrate-infra state list --sandbox")]
    List,
    /// Show the state of one resource, or of the stack, as JSON.
    #[command(after_help = "Example:\n  migrate-infra state show source/network/vpc --sandbox")]
    Show {
        /// Address of the resource [default: the whole state].
        address: Option<String>,
    },
    /// Move the state to the backend in `[state]` of the configuration: from this machine to a bucket, or back.
    ///
    /// Both backends are locked. The old state is kept under another name. If the move is interrupted, the same command
    /// finishes it.
    #[command(after_help = "Example:\n  migrate-infra state migrate -y")]
    Migrate {
        /// Skip confirmation.
        #[arg(short, long)]
        yes: bool,
    },
    /// Rebuild the state from existing resources, found by names and ownership tags; nothing in AWS is changed.
    ///
    /// For a state that was lost or is damaged: damaged files are kept under another name. What the state already
    /// contains stays.
    #[command(after_help = "Example:\n  migrate-infra state rebuild --sandbox -y")]
    Rebuild {
        /// Skip confirmation.
        #[arg(short, long)]
        yes: bool,
    },
}

pub(in crate::cli) async fn run(app: &App, command: &StateCommand) -> Result<u8, Failure> {
    match command {
        StateCommand::List => list(&app.workspace.read_state().await?),
        StateCommand::Show { address } => show(&app.workspace.read_state().await?, address.as_deref())?,
        StateCommand::Migrate { yes } => migrate(app, *yes).await?,
        StateCommand::Rebuild { yes } => rebuild(app, *yes).await?,
    }
    Ok(0)
}

fn list(state: &State) {
    for (address, entry) in &state.resources {
        stdout(format!("{address}\t{}\t{}", status_name(entry.status), id(entry)).trim_end());
    }
}

fn show(state: &State, address: Option<&str>) -> Result<(), CliError> {
    let Some(address) = address else {
        stdout(&serde_json::to_string_pretty(state).unwrap_or_default());
        return Ok(());
    };
    if let Some(entry) = state.get(&Address::new(address)) {
        stdout(&serde_json::to_string_pretty(entry).unwrap_or_default());
        return Ok(());
    }
    let known: Vec<&str> = state.resources.keys().map(Address::as_str).collect();
    let hint = match known.as_slice() {
        [] => "nothing exists".to_owned(),
        known => infra_config::suggest(address, known),
    };
    Err(CliError::new(Exit::Usage, format!("the state contains no `{address}`")).hint(hint))
}

async fn rebuild(app: &App, yes: bool) -> Result<(), Failure> {
    let config = &app.workspace.config;
    let graph = infra_payment::stack::build(config)?;
    let backend = app.workspace.backend(None).await?;
    let on_damage = match infra_core::state::salvage(backend.store().as_mut()).await?.damage {
        None => OnDamage::Refuse,
        Some(damage) => {
            let question = format!(
                "{damage}\n\nKeep the damaged files under another name, and continue with the intact part \
                 and existing resources?"
            );
            confirm(&question, yes)?;
            OnDamage::Retire
        }
    };
    let reporter = Reporter::start(&app.options);
    let session = Session::open_with(&app.workspace, "state rebuild", reporter.events(), on_damage).await?;
    cancel_on_signal(session.context.cancel.clone());
    let plan = plan_with_moves(&session.context, config, |state| Ok::<_, Error>(plan_discovery(KINDS, &graph, state)));
    let plan = plan.await;
    let (session, plan) = session.or_close(plan).await?;
    reporter.plan(&plan, session.context.cloud.clock());
    let report = infra_core::engine::find(&session.context, "state rebuild", plan, &config.moved_addresses()).await;
    reporter.finish();
    let known = session.context.journal.read(|state| state.resources.len());
    session.close().await;
    let report = report?;
    if report.outcome != Outcome::Done {
        return Err(unfinished(&app.options, &report, "migrate-infra state rebuild").into());
    }
    app.info(&format!(
        "{} resources were found, the state contains {known} now; `{}` creates what is missing",
        report.changed,
        app.command("up")
    ));
    Ok(())
}

async fn migrate(app: &App, yes: bool) -> Result<(), Failure> {
    let migration = StateMigration::new(&app.workspace).await?;
    let (from, to) = (migration.from.name(), migration.to.name());
    confirm(&format!("Move the state of `{}` from {from} to {to}?", app.workspace.config.stack.id()), yes)?;
    let moved = migration.run().await?;
    if let Moved::Done { torn: Some(torn), .. } = &moved {
        app.info(&format!("note: {torn}"));
    }
    app.info(&match moved {
        Moved::Nothing => "there is no state to move".to_owned(),
        Moved::There => format!("the state is already at {to}"),
        Moved::Done { resources, kept, .. } => format!(
            "the state with {resources} resources is at {to} now; the old one is kept as {}",
            kept.join(" and ")
        ),
    });
    Ok(())
}
