//! The point in the history of the primary at which a comparison began. If it finds all rows equal, the switchover
//! needs to compare only what has changed since.

use crate::cli::commands::real_time::in_real_time;
use crate::cli::error::CliError;
use infra_base::clock::timestamp;
use infra_compare::Endpoint;
use infra_config::Side;
use infra_database::Database;
use infra_database::changes::{self, Point};

/// What is known of the primary before a comparison.
pub(super) struct Beginning {
    pub(super) at: String,
    pub(super) primary: Side,
    pub(super) point: Point,
    pub(super) bytes: u64,
}

/// Reads it. `None` if that is not possible: the comparison does not need it.
pub(super) async fn read(primary: Side, source: &Endpoint, target: &Endpoint) -> Result<Option<Beginning>, CliError> {
    let endpoint = if primary == Side::Source { source.clone() } else { target.clone() };
    let read = async move || {
        let at = timestamp();
        let connection = infra_connect::open(&endpoint, primary.as_str()).await.ok()?;
        let database = Database::new(primary.as_str(), connection.client());
        let point = changes::point(database).await.ok()?;
        let bytes = changes::sizes(database).await.ok()?.values().sum();
        Some(Beginning { at, primary, point, bytes })
    };
    in_real_time("the point of the comparison cannot be read", read).await
}
