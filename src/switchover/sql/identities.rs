//! For row `Fallback`: identity columns of the old database, which the fallback writes.

use infra_database::{Database, identity};

use super::error::Error;

/// Makes identity columns of the old database accept the values of the fallback. Nothing writes there: it is guarded.
/// Returns the columns that it has changed, which [`restore_identities`] changes back. The same columns of the new
/// database are noted, if they accept values: [`super::finish()`] changes them, too.
///
/// *Killed*: Some columns are changed. Repeat it.
///
/// # Errors
/// A column cannot be changed. While others use its table, that is inconclusive.
pub async fn accept_identities(old: Database<'_>, new: Database<'_>) -> Result<Vec<String>, Error> {
    identity::note_transferred(old, new).await?;
    Ok(identity::accept_values(old).await?)
}

/// Undoes [`accept_identities`].
///
/// *Killed*: Some columns are changed back. Repeat it.
///
/// # Errors
/// A column cannot be changed, or others use its table.
pub async fn restore_identities(old: Database<'_>) -> Result<Vec<String>, Error> {
    Ok(identity::restore(old).await?)
}
