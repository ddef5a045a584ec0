//! What is measured of a server.

use infra_sandbox::world::real_data::ServerMinute;
use tokio_postgres::{Client, Error};

/// Measures a server.
pub(crate) async fn measure(client: &Client) -> Result<ServerMinute, Error> {
    // "OldestReplicationSlotLag: The lagging size of the replica lagging the most in terms of write-ahead log (WAL)
    // data received" and "TransactionLogsDiskUsage: The disk space used by transaction logs" ("Amazon CloudWatch
    // metrics for Amazon RDS").
    let statement = "SELECT (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::float8, \
         (SELECT max(pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)) FROM pg_replication_slots)::float8, \
         (SELECT sum(size) FROM pg_ls_waldir())::float8, \
         (SELECT sum(pg_database_size(oid)) FROM pg_database)::float8";
    let row = client.query_one(statement, &[]).await?;
    Ok(ServerMinute {
        connections: row.try_get(0)?,
        oldest_slot_lag_bytes: row.try_get(1)?,
        wal_bytes: row.try_get::<_, Option<f64>>(2)?.unwrap_or_default(),
        data_bytes: row.try_get::<_, Option<f64>>(3)?.unwrap_or_default(),
    })
}
