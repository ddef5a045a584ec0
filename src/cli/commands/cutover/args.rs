//! The arguments of `cutover`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::cli::commands::replication::DatabaseArgs;
use infra_config::Occasion;
use infra_workflow::control_channel::ControlRequest;

/// Move traffic and data to the target: step by step, behind gates, and back when something fails.
///
/// During the steps, both services use the source database (`cutover.strategy`). The switchover closes both
/// environments to clients, waits until every write has arrived in the target database, starts the replication back,
/// and opens the target. Until the target database accepts writes, a failure undoes all of it. `--rollback` afterwards
/// is a switchover back, which loses no write either.
///
/// Before, during and after each step it evaluates all gates of `[gates]`. If one fails, traffic goes back to the
/// source or stays where it is, as configured in `[cutover]`; missing data never passes. It can be killed at any time:
/// the same command resumes. It writes a report for the change ticket, as JSON and as Markdown.
#[derive(Debug, Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "Exit codes:\n  0    all traffic goes to the target\n  \
                  5    it was rolled back, but the release command failed\n  \
                  8    it was rolled back, all traffic goes to the source\n  \
                  9    it stopped where it was, and you have to decide\n  \
                  130  stopped by Ctrl-C; run the same command again to resume\n\nExample:\n  \
                  migrate-infra cutover --dry-run\n  migrate-infra cutover -y --pause-at 50\n  \
                  migrate-infra cutover --approve\n  migrate-infra cutover --abort\n  migrate-infra cutover finish"
)]
pub struct CutoverArgs {
    #[command(subcommand)]
    pub(super) command: Option<CutoverCommand>,
    /// Wait for an approval after this step, in addition to those of the configuration; can be repeated.
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(1..=99))]
    pub(super) pause_at: Vec<u8>,
    /// Approve the step at which it waits.
    #[arg(long, group = "request")]
    pub(super) approve: bool,
    /// Pause the running cutover before its next step.
    #[arg(long, group = "request")]
    pause: bool,
    /// Continue the running cutover after a pause or a failure.
    #[arg(long = "continue", group = "request")]
    continues: bool,
    /// End it; `cutover.on_abort` configures what happens to the traffic.
    #[arg(long, group = "request")]
    abort: bool,
    /// End it and send all traffic to the source. After the switchover: move the data back, too.
    #[arg(long, group = "request")]
    rollback: bool,
    /// Without a terminal: wait for `cutover --approve` and similar commands of other processes, instead of ending
    /// where a decision is required.
    #[arg(long)]
    pub(super) wait: bool,
    /// Show what would be done, and the current verdicts of the gates.
    #[arg(long, conflicts_with = "request")]
    pub(super) dry_run: bool,
    /// Directory for the report [default: `cutovers` in the directory of the state].
    #[arg(long, value_name = "DIR")]
    pub(super) record: Option<PathBuf>,
    #[command(flatten)]
    pub(super) databases: DatabaseArgs,
    /// Skip confirmation.
    #[arg(short, long)]
    pub(super) yes: bool,
}

/// What ends a migration.
#[derive(Debug, Subcommand)]
pub enum CutoverCommand {
    Finish(FinishArgs),
}

/// End the migration: stop the fallback, and remove what the migration left in both databases.
///
/// Afterwards nothing leads back. It stops the replications and drops their replication slots, the tables and functions
/// of DMS (`awsdms_*`) and the schema `migrate_infra` in both databases, and verifies in SQL that they are gone. The
/// old database keeps refusing writes of the service. The next `up` removes what only the migration needed: the second
/// service, the link between the environments, and the replication. It can be repeated after a failure.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  migrate-infra cutover finish -y")]
pub struct FinishArgs {
    /// Also drop this replication slot; can be repeated. For a slot that DMS has named, if an earlier version of this
    /// program has started the replication.
    #[arg(long = "slot", value_name = "NAME")]
    pub(super) slots: Vec<String>,
    /// Let the old database accept writes of the service again. Nothing of the service may reach it any more.
    #[arg(long)]
    pub(super) remove_guard: bool,
    #[command(flatten)]
    pub(super) databases: DatabaseArgs,
    /// Skip confirmation.
    #[arg(short, long)]
    pub(super) yes: bool,
}

impl CutoverArgs {
    /// Returns what its success is.
    pub(super) fn occasion(&self) -> Occasion {
        if self.rollback { Occasion::RolledBack } else { Occasion::Finished }
    }

    /// Returns the request to a cutover that has started.
    pub(super) fn request(&self) -> Option<ControlRequest> {
        let all = [
            (self.approve, ControlRequest::Approve),
            (self.pause, ControlRequest::Pause),
            (self.continues, ControlRequest::Continue),
            (self.abort, ControlRequest::Abort),
            (self.rollback, ControlRequest::Rollback),
        ];
        all.into_iter().find(|(requested, _)| *requested).map(|(_, request)| request)
    }
}
