//! Moving a state from one place to another, so that it is never lost and never in two places without this being noticed.

use super::journal::{JournalError, compact};
use super::store::{StateError, Store, load, open};

/// What moving came to.
#[derive(Debug, PartialEq, Eq)]
pub enum Moved {
    /// There is no state in the old place and none in the new one.
    Nothing,
    /// The state is in the new place already.
    There,
    /// It was moved.
    Done {
        /// How many resources it knows.
        resources: usize,
        /// Where the old one is kept.
        kept: Vec<String>,
    },
}

/// Why a state was not moved. The old place still has it.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    /// One of the two cannot be read.
    #[error(transparent)]
    State(#[from] StateError),
    /// One of the two cannot be written.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The new place has a state of its own.
    #[error("there is another state at {place}: {why}")]
    Taken {
        /// The new place.
        place: String,
        /// How it differs.
        why: String,
    },
    /// What was written there reads differently.
    #[error("the state at {place} does not read as it was written")]
    Differs {
        /// The new place.
        place: String,
    },
    /// The old one could not be put aside; both places have the state now.
    #[error("the state is at the new place, and the old one at {place} could not be put aside")]
    Aside {
        /// The old place.
        place: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
}

/// Moves a state. The caller holds both locks. When it is cut off anywhere, calling it again finishes it.
///
/// The old one is kept under names that begin with `label`.
///
/// # Errors
/// See [`MoveError`].
pub async fn migrate(from: &mut dyn Store, to: &mut dyn Store, label: &str) -> Result<Moved, MoveError> {
    let old = open(from).await?;
    let new = load(to).await?;
    if !old.has_begun() {
        return Ok(if new.has_begun() { Moved::There } else { Moved::Nothing });
    }
    if !new.has_begun() {
        // With an empty journal, putting the snapshot aside is one step.
        compact(from, &old).await?;
        compact(to, &old).await?;
    } else if new.lineage != old.lineage {
        return Err(MoveError::Taken { place: to.snapshot_place(), why: format!("it has the lineage {}, this one {}", new.lineage, old.lineage) });
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
    let kept = from.set_aside(label).await.map_err(|source| MoveError::Aside { place: from.snapshot_place(), source })?;
    Ok(Moved::Done { resources: found.resources.len(), kept })
}
