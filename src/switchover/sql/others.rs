//! Transactions of others than the service.

use std::time::{Duration, Instant};

use infra_database::Database;
use infra_database::drain::{PreparedTransaction, Session, in_flight};

use super::error::Error;
use super::guards::Service;

/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(100);

/// Waits until no role but that of the service has an open transaction, and nothing is prepared. `excluded` names
/// applications that may have open transactions.
///
/// # Errors
/// A transaction does not end within the limit.
pub(super) async fn others_have_ended(
    database: Database<'_>,
    service: Service<'_>,
    excluded: &[&str],
    limit: Duration,
) -> Result<(), Error> {
    let began = Instant::now();
    loop {
        let found = in_flight(database, excluded).await?;
        let open: Vec<&Session> = found.transactions().filter(|one| one.user != service.role).collect();
        if open.is_empty() && found.prepared.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= limit {
            return Err(still_open(database, &open, &found.prepared));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Returns the error for transactions that have not ended.
pub(super) fn still_open(database: Database<'_>, open: &[&Session], prepared: &[PreparedTransaction]) -> Error {
    let prepared =
        prepared.iter().map(|one| format!("a prepared transaction of {} for {} s", one.owner, one.age.as_secs()));
    let what = open.iter().map(|session| describe(session)).chain(prepared).collect();
    Error::InFlight { side: database.label().to_owned(), what }
}

/// Returns a session as text.
pub(super) fn describe(session: &Session) -> String {
    let application = if session.application.is_empty() { "no name" } else { &session.application };
    let age = session.transaction_age.map(|age| format!(", for {} s", age.as_secs())).unwrap_or_default();
    format!("pid {} ({application}, {}{age})", session.pid, session.user)
}
