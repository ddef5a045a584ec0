//! Row 4: no number is assigned twice.

use infra_database::{Database, sequences as positions};

use super::error::Error;
use crate::evidence::MovedSequences;

/// Moves each sequence of the new database to the old position, unless it is past it, and reads it back.
///
/// # Errors
/// A sequence is missing, unreadable, or still behind.
pub async fn sequences(old: Database<'_>, new: Database<'_>) -> Result<MovedSequences, Error> {
    let outcome = positions::advance(old, new).await?;
    if !outcome.is_complete() {
        return Err(Error::Sequences(outcome.problems));
    }
    Ok(MovedSequences { advanced: outcome.advanced.len(), kept: outcome.kept })
}
