//! Row 3: what was committed has arrived.

use std::time::{Duration, Instant};

use infra_database::Database;
use infra_database::marker::{self as markers, MarkerId};

use super::error::Error;

/// How markers are awaited.
#[derive(Clone, Copy, Debug)]
pub struct MarkerWait {
    /// The limit for one marker.
    pub limit: Duration,
    /// The pause between two looks.
    pub pause: Duration,
    /// The number of markers, one after the other. With batch apply, one is not enough: see [`infra_database::marker`].
    pub markers: u32,
}

impl Default for MarkerWait {
    fn default() -> Self {
        Self { limit: Duration::from_mins(1), pause: Duration::from_millis(200), markers: 2 }
    }
}

/// Writes markers on the old database and awaits them on the new one. Returns the last one.
///
/// *Guarantees*: What was committed on the old database before the call is in the new one.
///
/// *Killed*: Markers that nobody awaits are harmless.
///
/// # Errors
/// A marker has not arrived within the limit, which is inconclusive.
pub async fn marker(old: Database<'_>, new: Database<'_>, wait: MarkerWait) -> Result<MarkerId, Error> {
    let mut last = arrived(old, new, wait).await?;
    for _ in 1..wait.markers {
        last = arrived(old, new, wait).await?;
    }
    Ok(last)
}

async fn arrived(old: Database<'_>, new: Database<'_>, wait: MarkerWait) -> Result<MarkerId, Error> {
    let id = markers::write(old).await?;
    let began = Instant::now();
    loop {
        if markers::has_arrived(new, &id).await? {
            return Ok(id);
        }
        if began.elapsed() >= wait.limit {
            return Err(Error::NotArrived { waited: wait.limit });
        }
        tokio::time::sleep(wait.pause).await;
    }
}
