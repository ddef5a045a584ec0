//! The end of a rehearsal: the replication catches up, and the databases are compared with the ledger.

use std::path::Path;
use std::time::{Duration, Instant};

use infra_rehearsal::{
    Database, Differences, DifferencesOptions, Summary, Verdict, VerifyOptions, differences, verify,
};
use infra_sandbox::world::real_data::LiveTask;

use crate::databases::Databases;
use crate::error::RehearseError;
use crate::options::{RehearsalOptions, SchemaSource};
use crate::stage::Stage;

/// How long the replication may take to catch up, in time of the wall.
const CATCH_UP: Duration = Duration::from_mins(2);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);
/// How long nothing may arrive before the replication counts as idle.
const IDLE: Duration = Duration::from_secs(1);
/// A time without acknowledgements from which on it counts.
const GAP: Duration = Duration::from_millis(500);

/// Waits until running replications have nothing left to apply. Returns whether they had.
pub(crate) async fn catch_up(stage: &Stage) -> bool {
    let (began, mut last, mut idle_since) = (Instant::now(), None, Instant::now());
    while began.elapsed() < CATCH_UP {
        let (is_waiting, seen) = stage.running_tasks(progress).into_iter().fold((false, 0), |all, one| {
            let ((is_waiting, seen), (waits, changes)) = (all, one);
            (is_waiting || waits, seen + changes)
        });
        if is_waiting || last != Some(seen) {
            (last, idle_since) = (Some(seen), Instant::now());
        } else if idle_since.elapsed() > IDLE {
            return true;
        }
        tokio::time::sleep(LOOK).await;
    }
    false
}

/// Returns whether changes wait, and how many were seen so far.
fn progress(task: &LiveTask) -> (bool, u64) {
    let seen = task.tables.iter().map(|table| table.inserts + table.updates + table.deletes).sum();
    (task.minutes.last().is_some_and(|minute| minute.incoming_changes > 0.0), seen)
}

/// What was found out.
pub(crate) struct Conclusion {
    pub(crate) traffic: Summary,
    pub(crate) verdict: Verdict,
    pub(crate) differences: Differences,
}

/// Compares the ledger with the primary database, and the databases with each other.
pub(crate) async fn conclude(
    options: &RehearsalOptions,
    ledger: &Path,
    databases: &Databases,
    primary: &str,
) -> Result<Conclusion, RehearseError> {
    let all = [&databases.source, &databases.target];
    let is_primary = |database: &&&Database| &*database.id == primary;
    let primary = all.iter().find(is_primary).copied().unwrap_or(&databases.source);
    let others: Vec<Database> = all.into_iter().filter(|one| one.id != primary.id).cloned().collect();
    let verify_options = VerifyOptions {
        balances: options.schema == SchemaSource::Builtin && options.writers > 0,
        ..Default::default()
    };
    let verdict = verify(ledger, primary, &others, &verify_options).await?;
    let traffic = Summary::read(ledger, GAP)?;
    let control_schema =
        options.config.environments.iter().next_back().map(|one| one.replication.control_schema.clone());
    let compare = DifferencesOptions { control_schema, ..DifferencesOptions::default() };
    let differences = differences(&databases.source, &databases.target, &compare).await?;
    Ok(Conclusion { traffic, verdict, differences })
}
