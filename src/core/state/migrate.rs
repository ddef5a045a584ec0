//! Moves a state from one backend to another, so that it is never lost, and never silently duplicated.

use super::journal::{JournalError, compact};
use super::store::{StateError, Store, TornLine, load, salvage};

/// The result of a move.
#[derive(Debug, PartialEq, Eq)]
pub enum Moved {
    /// Neither backend has a state.
    Nothing,
    /// The new backend has the state already.
    There,
    /// The state was moved.
    Done {
        /// The number of resources in the state.
        resources: usize,
        /// The location of the archived old state.
        kept: Vec<String>,
        /// What was removed from the end of its journal.
        torn: Option<TornLine>,
    },
}

/// The reason why a state was not moved. The old backend still has it.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the two states cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// One of the two states cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The new backend has another state.
    #[error("there is another state at {place}: {why}")]
    Taken {
        /// The location of the other state.
        place: String,
        /// The difference.
        why: String,
    },
    /// The new state differs from what was written.
    #[error("the state at {place} differs from what was written")]
    Differs {
        /// The location of the new state.
        place: String,
    },
    /// The old state could not be archived, so both backends have the state now.
    #[error("the new backend has the state, but the old state at {place} could not be archived")]
    Archive {
        /// The location of the old state.
        place: String,
        /// The error.
        #[source]
        source: std::io::Error,
    },
}

/// Moves a state. The caller holds both locks. After an interruption at any point, another call completes the move.
///
/// The old state is archived under names that begin with `label`.
///
/// # Errors
/// See [`MoveError`].
pub async fn migrate(from: &mut dyn Store, to: &mut dyn Store, label: &str) -> Result<Moved, MoveError> {
    let opened = salvage(from).await?.open(from).await?;
    let (old, torn) = (opened.state, opened.torn);
    let new = load(to).await?;
    if !old.has_begun() {
        return Ok(if new.has_begun() { Moved::There } else { Moved::Nothing });
    }
    if !new.has_begun() {
        // With an empty journal, archiving the snapshot is one step.
        compact(from, &old).await?;
        compact(to, &old).await?;
    } else if new.lineage != old.lineage {
        return Err(MoveError::Taken {
            place: to.snapshot_place(),
            why: format!("it has the lineage {}, this one {}", new.lineage, old.lineage),
        });
    } else if new.seq < old.seq {
        return Err(MoveError::Taken {
            place: to.snapshot_place(),
            why: format!("it is older: it ends with record {}, this one with {}", new.seq, old.seq),
        });
    }
    let found = load(to).await?;
    if found.lineage != old.lineage || (found.seq == old.seq && found != old) || found.seq < old.seq {
        return Err(MoveError::Differs { place: to.snapshot_place() });
    }
    compact(from, &old).await?;
    let kept =
        from.archive(label).await.map_err(|source| MoveError::Archive { place: from.snapshot_place(), source })?;
    Ok(Moved::Done { resources: found.resources.len(), kept, torn })
}
