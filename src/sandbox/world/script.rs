//! A script: what happens in the emulated AWS, besides what the calls do.
//!
//! It is data. `sandbox/script.rs` reads it from a file, and [`super::timeline`] tells what of it is in force when.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What happens, and what the source database holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// How many requests a minute all load balancers get together that stand behind one weighted name.
    pub requests_per_minute: u32,
    /// The tables of the database that is replicated.
    pub tables: Vec<Table>,
    /// What happens. Where two events say something about the same thing at the same time, the later one of the file counts.
    pub events: Vec<Event>,
}

/// A script, and since when it is played.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Loaded {
    /// The script.
    pub script: Script,
    /// The world's time at which it was loaded, in milliseconds.
    pub at: u64,
}

/// A table of the database that is replicated.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u32,
    /// Whether it has a primary key. Without one DMS cannot validate it.
    pub primary_key: bool,
}

/// Something that happens.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it begins.
    pub trigger: Trigger,
    /// How long it lasts, in milliseconds; for ever if there is no end.
    pub lasts: Option<u64>,
    /// What is different in the meantime.
    pub changes: Changes,
}

/// When an event begins. It begins once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Trigger {
    /// So many milliseconds after the script was loaded.
    After(u64),
    /// When the records with this set identifier have at least this share of the live weights, in percent.
    Traffic {
        /// The set identifier.
        environment: String,
        /// The share.
        percent: f64,
    },
    /// When a replication task has been running for so many milliseconds.
    TaskRunning(u64),
}

/// What is different while an event lasts.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// How far the replication is behind.
    pub lag_seconds: Option<f64>,
    /// What the validation of a table finds.
    pub validation: Option<Validation>,
    /// Tables, as `schema.name`, that DMS has suspended because of errors.
    pub table_errors: Vec<String>,
    /// Every task that runs fails with this message.
    pub task_fails: Option<String>,
    /// Tests of the connection to the `source` or `target` endpoint fail with this message.
    pub connection_fails: BTreeMap<String, String>,
    /// The share of requests that targets answer with 5xx, in percent, by environment.
    pub error_percent: BTreeMap<String, f64>,
    /// How long targets take to answer, by environment.
    pub latency_seconds: BTreeMap<String, f64>,
    /// The load of databases, by a pattern of their identifiers.
    pub cpu_percent: BTreeMap<String, f64>,
    /// The free storage of databases, by a pattern of their identifiers.
    pub free_storage_bytes: BTreeMap<String, f64>,
    /// How much write-ahead log the oldest replication slot keeps, by a pattern of the databases' identifiers.
    pub slot_lag_bytes: BTreeMap<String, f64>,
    /// How many targets fail their health checks, by environment or by a pattern of the target groups' names.
    pub unhealthy_targets: BTreeMap<String, u32>,
    /// Metrics without data points: patterns of `namespace:name`.
    pub metrics_missing: Vec<String>,
    /// The error code that calls fail with, by a pattern of `service:Operation`.
    pub calls_fail: BTreeMap<String, String>,
}

/// What the validation of a table finds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The table, as `schema.name`.
    pub table: String,
    /// What it finds.
    pub finding: Finding,
    /// In how many rows.
    pub rows: u32,
}

/// What a validation can find ("TableStatistics", `ValidationState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Finding {
    /// Rows differ.
    Mismatched,
    /// Rows could not be validated.
    Suspended,
    /// Rows wait for their validation.
    Pending,
    /// The table could not be validated.
    Error,
}

impl Default for Script {
    /// Nothing happens.
    fn default() -> Self {
        let table = |name: &str, rows| Table { schema: "public".to_owned(), name: name.to_owned(), rows, primary_key: true };
        let tables = vec![table("payments", 120_000), table("customers", 30_000), table("audit_log", 5_000)];
        Self { requests_per_minute: 600, tables, events: Vec::new() }
    }
}

impl Table {
    /// Returns its name with its schema.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
