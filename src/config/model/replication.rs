//! `[replication]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a replication does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum MigrationType {
    /// Copy what is there, then stop.
    FullLoad,
    /// Carry over changes only.
    Cdc,
    /// Copy what is there, then carry over changes.
    FullLoadAndCdc,
}

impl MigrationType {
    /// The value that DMS takes.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullLoad => "full-load",
            Self::Cdc => "cdc",
            Self::FullLoadAndCdc => "full-load-and-cdc",
        }
    }
}

/// What happens to tables that exist in the target database when a full load begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum TablePreparation {
    /// They are dropped and made again.
    DropAndCreate,
    /// They are emptied.
    Truncate,
    /// They are left as they are.
    DoNothing,
}

/// Database replication.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Replication {
    /// Version of the replication engine.
    pub engine_version: String,
    /// Class of the replication instance.
    pub instance_class: String,
    /// Storage of the replication instance in GiB, for logs and changes that wait: 5 to 6144.
    #[schemars(range(min = 5, max = 6144))]
    pub allocated_storage_gb: i32,
    /// Whether a standby runs in a second zone.
    pub multi_az: bool,
    /// `full-load-and-cdc` (copy, then carry over changes), `full-load` or `cdc`.
    pub migration_type: MigrationType,
    /// Tables to replicate, as `schema.table`; `%` stands for any text.
    pub tables: Vec<String>,
    /// Tables of these to leave out, written alike.
    pub excluded_tables: Vec<String>,
    /// What happens to tables in the target when a full load begins: `drop-and-create`, `truncate` or `do-nothing`.
    pub table_preparation: TablePreparation,
    /// Tables that are loaded at the same time, 1 to 49.
    #[schemars(range(min = 1, max = 49))]
    pub full_load_subtasks: i32,
    /// Least seconds between two batches of changes that are applied.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_least_seconds: i32,
    /// Most seconds between two batches of changes that are applied.
    #[schemars(range(min = 1, max = 3600))]
    pub batch_apply_most_seconds: i32,
    /// Least number of changes in a transaction on the target.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub least_transaction_size: i32,
    /// Most seconds for which changes are collected before they are written.
    #[schemars(range(min = 1, max = 3600))]
    pub commit_timeout_seconds: i32,
    /// Memory for transactions that are under way, in MiB, before they go to disk.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub memory_limit_mb: i32,
    /// Seconds for which a transaction is kept in memory before it goes to disk.
    #[schemars(range(min = 1, max = 86400))]
    pub memory_keep_seconds: i32,
    /// Schema in the target database where DMS keeps its own tables.
    pub control_schema: String,
    /// Minutes that one row of DMS's history covers.
    #[schemars(range(min = 1, max = 60))]
    pub history_minutes: i32,
    /// Whether DMS compares the rows of both databases.
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
            table_preparation: TablePreparation::DropAndCreate,
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
