//! For row `Fallback`: identity columns of the old database, which the fallback writes.

use infra_database::{Database, identity};

use super::error::Error;

/// Makes identity columns of the old database accept the values of the fallback. Nothing writes there: it is guarded.
/// Returns the columns that it has changed, which [`restore_identities`] changes back.
///
/// *Killed*: Some columns are changed. Repeat it.
///
/// # Errors
/// A column cannot be changed. While others use its table, that is inconclusive.
pub async fn accept_identities(old: Database<'_>) -> Result<Vec<String>, Error> {
    Ok(identity::accept_values(old).await?)
}

/// Takes note of the columns of the target that accept values and refuse them in the source: the end of the migration
/// changes them back. Call it before [`accept_identities`] on the source.
///
/// # Errors
/// The user must not create a table in the target.
pub async fn note_identities(source: Database<'_>, target: Database<'_>) -> Result<(), Error> {
    Ok(identity::note_transferred(source, target).await?)
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
