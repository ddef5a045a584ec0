//! What must be true in the databases before a switchover.

use std::time::{Duration, Instant};

use infra_database::{Database, identity};

use super::error::Error;
use super::guards::Service;
use super::marker::{MarkerWait, marker};

/// For row `Prepare`: proves that the old database is the primary, that the new one is guarded, and that the
/// replication carries markers. Returns how long a marker took, for the forecast.
///
/// Both databases have the table of the markers, which the replication includes; see [`infra_database::marker`].
///
/// # Errors
/// The guards are not as they must be, the marker has not arrived, or the user cannot change an identity column of the
/// old database ([`super::accept_identities`]).
pub async fn prepare(
    old: Database<'_>,
    new: Database<'_>,
    service: Service<'_>,
    wait: MarkerWait,
) -> Result<Duration, Error> {
    let columns = identity::not_owned(old).await?;
    if !columns.is_empty() {
        return Err(Error::NotOwned { side: old.label().to_owned(), columns });
    }
    service.must_not_be_guarded(old).await?;
    service.must_be_guarded(new).await?;
    let began = Instant::now();
    marker(old, new, MarkerWait { markers: 1, ..wait }).await?;
    Ok(began.elapsed())
}
