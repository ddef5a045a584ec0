//! Row 6: from where changes are replicated back.

use std::time::Duration;

use infra_database::{Database, Lsn, changes};

use super::error::Error;
use super::guards::Service;
use super::others::others_have_ended;

/// How long open transactions have time to end.
const LIMIT: Duration = Duration::from_secs(10);

/// Returns a position on the new database with nothing of interest before it and everything after it: the service
/// cannot write there, and no transaction is open. What the forward replication may still write is of no interest,
/// because everything of the service has arrived.
///
/// `others` names applications that may have open transactions, by their exact names: those of the caller, and of what
/// only reads. The forward replication is not one of them.
///
/// *Killed*: Nothing is changed. A position that is taken later is right too, until the new database is opened.
///
/// # Errors
/// The service can write on the new database, or a transaction does not end.
pub async fn fallback_start(new: Database<'_>, service: Service<'_>, others: &[&str]) -> Result<Lsn, Error> {
    service.must_be_guarded(new).await?;
    others_have_ended(new, service, others, LIMIT).await?;
    Ok(changes::last_lsn(new).await?)
}
