//! A logical replication slot on the source.

use futures::TryStreamExt;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Row};

use super::batch::{Assembler, Batch};
use super::error::CaptureError;
use crate::model::{Lsn, TableName};

/// The plugin that writes the changes.
const PLUGIN: &str = "test_decoding";

/// The session settings that decide how values are printed, as `pg_dump` chooses them. With an empty search path, names
/// of types have their schema.
const PRINTING: &str = "SET datestyle = 'ISO, YMD'; SET intervalstyle = 'postgres'; SET extra_float_digits = 3; \
                        SET bytea_output = 'hex'; SET timezone = 'UTC'; SET search_path = ''";

/// A slot. It stays on the source until it is dropped: nothing here drops it by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    name: String,
}

/// What the source reports about a slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotState {
    /// Its plugin.
    pub plugin: String,
    /// Its database.
    pub database: String,
    /// Whether a session uses it now.
    pub active: bool,
    /// The position up to which the consumer has confirmed the receipt.
    pub confirmed: Lsn,
    /// The position from which the source keeps the log.
    pub restart: Option<Lsn>,
    /// The current position of the source.
    pub current: Lsn,
    /// Whether the source has removed log that the slot needs.
    pub lost: bool,
}

impl SlotState {
    /// Returns how much log the consumer has not confirmed, in bytes.
    pub fn lag(&self) -> u64 {
        self.current.0.saturating_sub(self.confirmed.0)
    }

    /// Returns how much log the source keeps for the slot, in bytes.
    pub fn retained(&self) -> u64 {
        self.restart.map_or(0, |restart| self.current.0.saturating_sub(restart.0))
    }
}

/// How much a read returns at most. A transaction is never divided, so a single larger one is returned whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The number of changes.
    pub changes: u32,
    /// The size of their text.
    pub bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { changes: 10_000, bytes: 64 << 20 }
    }
}

impl Slot {
    /// Names a slot that exists or will be created.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into() }
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Creates the slot and returns its consistent point: it returns all transactions that are committed later.
    ///
    /// This waits until all transactions have ended that are running now.
    ///
    /// # Errors
    /// Returns an error if the source refuses, for example because there is no free slot.
    pub async fn create(&self, client: &Client) -> Result<Lsn, CaptureError> {
        let statement = "SELECT lsn::text FROM pg_catalog.pg_create_logical_replication_slot($1::text, $2::text)";
        let row = client.query_one(statement, &[&self.name, &PLUGIN]).await.map_err(self.failed("create"))?;
        Ok(text(&row, 0).map_err(self.failed("create"))?.parse()?)
    }

    /// Returns what the source reports about the slot, or nothing if it does not exist.
    ///
    /// # Errors
    /// Returns an error if the query fails.
    pub async fn state(&self, client: &Client) -> Result<Option<SlotState>, CaptureError> {
        let failed = || self.failed("inspect");
        let statement = "SELECT coalesce(plugin::text, ''), coalesce(database::text, ''), active, \
                         confirmed_flush_lsn::text, restart_lsn::text, pg_catalog.pg_current_wal_lsn()::text, \
                         coalesce(wal_status = 'lost', false) \
                         FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::text";
        let Some(row) = client.query_opt(statement, &[&self.name]).await.map_err(failed())? else { return Ok(None) };
        let position = |column: usize| -> Result<Option<Lsn>, CaptureError> {
            let position: Option<String> = row.try_get(column).map_err(failed())?;
            Ok(position.map(|position| position.parse()).transpose()?)
        };
        Ok(Some(SlotState {
            plugin: text(&row, 0).map_err(failed())?,
            database: text(&row, 1).map_err(failed())?,
            active: row.try_get(2).map_err(failed())?,
            confirmed: position(3)?.unwrap_or_default(),
            restart: position(4)?,
            current: position(5)?.unwrap_or_default(),
            lost: row.try_get(6).map_err(failed())?,
        }))
    }

    /// Verifies that the slot exists, in this database and with the right plugin, and still has its log.
    ///
    /// # Errors
    /// Names what is wrong with the slot.
    pub async fn verify(&self, client: &Client) -> Result<SlotState, CaptureError> {
        let slot = || self.name.clone();
        let state = self.state(client).await?.ok_or_else(|| CaptureError::Missing { slot: slot() })?;
        let row = client.query_one("SELECT current_database()::text", &[]).await.map_err(self.failed("inspect"))?;
        let database = text(&row, 0).map_err(self.failed("inspect"))?;
        if state.lost {
            return Err(CaptureError::Lost { slot: slot() });
        }
        if state.plugin != PLUGIN || state.database != database {
            let found = format!("the plugin `{}` and the database `{}`", state.plugin, state.database);
            let wanted = format!("the plugin `{PLUGIN}` and the database `{database}`");
            return Err(CaptureError::Foreign { slot: slot(), found, wanted });
        }
        Ok(state)
    }

    /// Verifies an existing slot and moves it to a start position.
    ///
    /// "Note that the Native CDC Start position for a CDC task created after the replication slot can't be older than
    /// the confirmed_flush_lsn value" (DMS user guide, "Using native CDC start points").
    ///
    /// # Errors
    /// Names what is wrong with the slot or the position.
    pub async fn start_at(&self, client: &Client, lsn: Lsn) -> Result<(), CaptureError> {
        let state = self.verify(client).await?;
        if lsn < state.confirmed {
            let slot = self.name.clone();
            return Err(CaptureError::TooOld { slot, wanted: lsn, confirmed: state.confirmed });
        }
        self.advance(client, lsn).await
    }

    /// Returns the next transactions after the confirmed position, without confirming them.
    ///
    /// *Guarantees*: Transactions are whole and in the order of their commits. "the actual number of rows returned may
    /// be larger, since this limit is only checked after adding the rows produced when decoding each new transaction
    /// commit" (PostgreSQL, "Replication Management Functions"). Changes of tables for which `captured` is false use no
    /// memory.
    ///
    /// *Caveats*: The settings of the session that decide how values are printed are changed. One session uses the slot
    /// at a time.
    ///
    /// # Errors
    /// Returns an error if the slot cannot be read or its text is not understood.
    pub async fn read(
        &self,
        client: &Client,
        limits: Limits,
        captured: &(dyn Fn(&TableName) -> bool + Sync),
    ) -> Result<Batch, CaptureError> {
        client.batch_execute(PRINTING).await.map_err(self.failed("read"))?;
        let statement = "SELECT lsn::text, data FROM pg_catalog.pg_logical_slot_peek_changes($1::text, NULL, $2::int, \
                         'include-xids', '1', 'include-timestamp', '1', 'skip-empty-xacts', '1')";
        let changes = i32::try_from(limits.changes).unwrap_or(i32::MAX);
        let parameters: [&(dyn ToSql + Sync); 2] = [&self.name, &changes];
        let rows = match client.query_raw(statement, parameters).await {
            Ok(rows) => rows,
            Err(source) => return Err(self.explained(client, source).await),
        };
        futures::pin_mut!(rows);
        let mut assembler = Assembler::new(captured);
        let mut lines = 0_u64;
        loop {
            let row = match rows.try_next().await {
                Ok(Some(row)) => row,
                Ok(None) => break,
                Err(source) => return Err(self.explained(client, source).await),
            };
            lines += 1;
            let lsn: Lsn = text(&row, 0).map_err(self.failed("read"))?.parse()?;
            let line: &str = row.try_get(1).map_err(self.failed("read"))?;
            assembler.add(lsn, line)?;
            if assembler.is_complete() && assembler.bytes() >= limits.bytes {
                // The rest is read again by the next call.
                let mut batch = assembler.finish();
                batch.more = true;
                return Ok(batch);
            }
        }
        let mut batch = assembler.finish();
        batch.more = lines > u64::from(limits.changes);
        Ok(batch)
    }

    /// Confirms everything up to a position. It must be committed on the target.
    ///
    /// # Errors
    /// Returns an error if the source refuses.
    pub async fn advance(&self, client: &Client, lsn: Lsn) -> Result<(), CaptureError> {
        let state = self.state(client).await?.ok_or_else(|| CaptureError::Missing { slot: self.name.clone() })?;
        // A slot cannot be moved back, and PostgreSQL refuses to try.
        if lsn <= state.confirmed {
            return Ok(());
        }
        let statement = "SELECT pg_catalog.pg_replication_slot_advance($1::text, $2::text::pg_lsn)";
        client.query_one(statement, &[&self.name, &lsn.to_string()]).await.map_err(self.failed("advance"))?;
        Ok(())
    }

    /// Drops the slot, if it exists.
    ///
    /// # Errors
    /// Returns an error if the source refuses, for example because a session uses the slot.
    pub async fn drop_if_exists(&self, client: &Client) -> Result<(), CaptureError> {
        let statement = "SELECT pg_catalog.pg_drop_replication_slot(slot_name) \
                         FROM pg_catalog.pg_replication_slots WHERE slot_name = $1::text";
        client.query(statement, &[&self.name]).await.map_err(self.failed("drop"))?;
        Ok(())
    }

    fn failed(&self, operation: &'static str) -> impl Fn(tokio_postgres::Error) -> CaptureError {
        let slot = self.name.clone();
        move |source| CaptureError::Query { operation, slot: slot.clone(), source }
    }

    /// Finds out why a slot cannot be read.
    async fn explained(&self, client: &Client, source: tokio_postgres::Error) -> CaptureError {
        let slot = self.name.clone();
        match source.code() {
            Some(code) if *code == SqlState::UNDEFINED_OBJECT => CaptureError::Missing { slot },
            Some(code) if *code == SqlState::OBJECT_NOT_IN_PREREQUISITE_STATE => match self.verify(client).await {
                Err(error) => error,
                Ok(_) => self.failed("read")(source),
            },
            _ => self.failed("read")(source),
        }
    }
}

fn text(row: &Row, column: usize) -> Result<String, tokio_postgres::Error> {
    row.try_get(column)
}
