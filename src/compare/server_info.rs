//! What a server says about itself: its version, the encoding, and which data it serves.

use infra_connect::DatabaseError;
use tokio_postgres::Row;

use super::session::Session;
use super::sql::Query;

/// The first version that reads a range of blocks without scanning the whole table ("E.22. Release 14", PostgreSQL
/// documentation).
const TID_RANGE_SCAN_VERSION: i32 = 140_000;

/// Properties of a server and its database.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ServerInfo {
    /// The value of `server_version_num`.
    pub(super) version: i32,
    /// The encoding of the database.
    pub(super) encoding: String,
    /// Identifies the database and the running server.
    identity: String,
    /// Whether the server is a read replica: it shows what its primary has logged.
    pub(super) is_replica: bool,
    /// The number that `initdb` gave to the data, and the timeline, if the user is allowed to read them ("9.28.
    /// System Information Functions: Control Data Functions", PostgreSQL documentation).
    system: Option<(String, i32)>,
    database: u32,
}

const INFO: &str = "SELECT current_setting('server_version_num')::int4, pg_encoding_to_char(d.encoding)::text, \
    pg_postmaster_start_time()::text || ' ' || d.oid::text || ' ' || d.datname, pg_is_in_recovery(), d.oid, \
    coalesce(has_function_privilege('pg_catalog.pg_control_system()', 'EXECUTE') \
    AND has_function_privilege('pg_catalog.pg_control_checkpoint()', 'EXECUTE'), false) \
    FROM pg_database AS d WHERE d.datname = current_database()";

/// A replica that has not written a checkpoint since a promotion still has the old timeline in its control file.
const SYSTEM: &str = "SELECT s.system_identifier::text, greatest(c.timeline_id, w.received_tli) \
    FROM pg_control_system() AS s, pg_control_checkpoint() AS c LEFT JOIN pg_stat_wal_receiver AS w ON true";

impl ServerInfo {
    /// Reads the properties.
    pub(super) async fn read(session: &Session) -> Result<Self, DatabaseError> {
        let one = async |sql: &str| -> Result<Row, DatabaseError> {
            let row = session.rows(&Query::plain(sql)).await?.into_iter().next();
            row.ok_or_else(|| DatabaseError::new("the current database is not in `pg_database`"))
        };
        let row = one(INFO).await?;
        let system = if row.get(5) {
            let system = one(SYSTEM).await?;
            Some((system.get(0), system.get::<_, Option<i32>>(1).unwrap_or_default()))
        } else {
            None
        };
        Ok(Self {
            version: row.get(0),
            encoding: row.get(1),
            identity: row.get(2),
            is_replica: row.get(3),
            system,
            database: row.get(4),
        })
    }

    /// Returns whether a range of blocks can be read without scanning the whole table.
    pub(super) fn has_tid_range_scan(&self) -> bool {
        self.version >= TID_RANGE_SCAN_VERSION
    }

    /// Returns whether both are the same database on the same server.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.identity == other.identity
    }

    /// Returns whether both have the same data by construction: one is a replica of the other, or both are replicas
    /// of a third server. Two servers that accept writes are two databases, also if one was created as a copy of the
    /// other.
    pub(super) fn is_replica_of_same(&self, other: &Self) -> bool {
        (self.is_replica || other.is_replica)
            && self.database == other.database
            && self.system.is_some()
            && self.system == other.system
    }
}
