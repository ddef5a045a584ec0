//! `[replication]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The type of a replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationType {
    /// Copies the existing rows, then stops.
    FullLoad,
    /// Replicates only changes.
    Cdc,
    /// Copies the existing rows, then replicates changes.
    FullLoadAndCdc,
}

impl MigrationType {
    /// Returns the value in the API of DMS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullLoad => "full-load",
            Self::Cdc => "cdc",
            Self::FullLoadAndCdc => "full-load-and-cdc",
        }
    }
}

/// How the target database gets its schema.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum SchemaSource {
    /// `replication start` transfers it with `pg_dump` and `pg_restore`.
    Transfer,
    /// It is there already, or DMS creates tables.
    Existing,
}

/// The treatment of existing tables in the target database when a full load starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TablePreparation {
    /// Drops and recreates the tables.
    DropAndCreate,
    /// Truncates the tables.
    Truncate,
    /// Leaves the tables unchanged.
    DoNothing,
}

/// The settings of the database replication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replication {
    /// Version of the replication engine of DMS.
    pub engine_version: String,
    /// Class of the replication instance.
    pub instance_class: String,
    /// Storage of the replication instance in GiB, 5 to 6144. It contains logs and cached changes.
    #[schemars(range(min = 5, max = 6144))]
    pub allocated_storage_gb: i32,
    /// Whether a standby instance runs in a second zone.
    pub multi_az: bool,
    /// `full-load-and-cdc` copies the existing rows and then replicates changes; `full-load` only copies; `cdc` only
    /// replicates changes.
    pub migration_type: MigrationType,
    /// Tables to replicate, as `schema.table`. Supports `%` wildcards.
    pub tables: Vec<String>,
    /// Tables to exclude, in the same format.
    pub excluded_tables: Vec<String>,
    /// How the target gets its schema. `transfer`: `replication start` transfers it with `pg_dump` and `pg_restore`,
    /// tables before the load, indexes and constraints after it. `existing`: it is there before the load.
    pub schema: SchemaSource,
    /// What a full load does with existing tables in the target: `truncate`, `do-nothing`, or with `schema =
    /// "existing"` also `drop-and-create`, by which DMS creates bare tables without indexes, defaults and sequences.
    pub table_preparation: TablePreparation,
    /// Number of tables that are loaded in parallel, 1 to 49.
    #[schemars(range(min = 1, max = 49))]
    pub full_load_subtasks: i32,
    /// Minimum time in seconds between two batches of changes.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_least_seconds: i32,
    /// Maximum time in seconds between two batches of changes.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_most_seconds: i32,
    /// Minimum number of changes per transaction on the target.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub least_transaction_size: i32,
    /// Maximum time in seconds for which changes are collected before they are written.
    #[schemars(range(min = 1, max = 3600))]
    pub commit_timeout_seconds: i32,
    /// Memory for open transactions in MiB. Transactions that exceed it are moved to disk.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub memory_limit_mb: i32,
    /// Time in seconds after which an open transaction is moved from memory to disk.
    #[schemars(range(min = 1, max = 86400))]
    pub memory_keep_seconds: i32,
    /// Schema in the target database for the control tables of DMS.
    pub control_schema: String,
    /// Time in minutes that one row of the DMS history table covers.
    #[schemars(range(min = 1, max = 60))]
    pub history_minutes: i32,
    /// Whether DMS validates the rows: it compares both databases.
    pub validation: bool,
}

impl Default for Replication {
    fn default() -> Self {
        Self {
            engine_version: "3.6.1".into(),
            instance_class: "dms.c5.large".into(),
            allocated_storage_gb: 100,
            multi_az: false,
            migration_type: MigrationType::FullLoadAndCdc,
            tables: vec!["public.%".into()],
            excluded_tables: Vec::new(),
            schema: SchemaSource::Transfer,
            table_preparation: TablePreparation::Truncate,
            full_load_subtasks: 8,
            batch_apply_least_seconds: 1,
            batch_apply_most_seconds: 30,
            least_transaction_size: 1000,
            commit_timeout_seconds: 1,
            memory_limit_mb: 1024,
            memory_keep_seconds: 60,
            control_schema: "dms_control".into(),
            history_minutes: 5,
            validation: true,
        }
    }
}

/// Splits the name of a table, or a pattern of `[replication]`, into schema and name.
pub fn schema_and_table(table: &str) -> (&str, &str) {
    table.split_once('.').unwrap_or(("public", table))
}
