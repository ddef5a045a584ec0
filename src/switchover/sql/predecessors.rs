//! Statements of a driver that was killed.

use std::time::Duration;

use infra_database::Database;
use infra_database::drain::{Ended, in_flight, terminate};

use super::error::Error;

/// How often it looks for sessions that do not end, and the pause between two looks.
const LOOKS: u32 = 20;
const PAUSE: Duration = Duration::from_millis(100);

/// Ends all other sessions of an application in this database, and waits for their end. Call it first in each
/// operation: the server continues a statement whose client is gone, and that must not have an effect later.
///
/// *Assumptions*: The name belongs to the switchover alone, and each of its connections has it.
///
/// # Errors
/// A session does not end.
pub async fn end_predecessors(database: Database<'_>, application: &str) -> Result<(), Error> {
    let mut remaining = Vec::new();
    for look in 0..LOOKS {
        if look > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let found = in_flight(database, &[]).await?;
        let pids: Vec<i32> =
            found.sessions.iter().filter(|session| session.application == application).map(|one| one.pid).collect();
        if pids.is_empty() {
            return Ok(());
        }
        let results = terminate(database, &pids).await?;
        remaining = results.into_iter().filter(|(_, how)| !matches!(how, Ended::Ended | Ended::Gone)).collect();
        if remaining.is_empty() {
            return Ok(());
        }
    }
    let what = remaining.iter().map(|(pid, _)| format!("pid {pid} ({application})")).collect();
    Err(Error::Sessions { side: database.label().to_owned(), what })
}
