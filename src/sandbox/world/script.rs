//! A script: what happens in the simulated AWS in addition to the effects of calls.
//!
//! This module is data only. `sandbox/script.rs` parses it from a file, and [`super::timeline`] computes which events
//! are active at a time.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::account_facts::AccountFacts;

/// The events, and the tables of the source database.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Script {
    /// How many requests per minute the load balancers behind one weighted name receive together.
    pub requests_per_minute: u32,
    /// Whether each minute of a metric is complete as soon as it is over.
    pub immediate_metrics: bool,
    /// The tables of the replicated database.
    pub tables: Vec<Table>,
    /// What the account is like.
    pub account: AccountFacts,
    /// The events. If two active events set the same value, the later one in the file wins.
    pub events: Vec<Event>,
}

/// A script and the time at which it was loaded.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoadedScript {
    /// The script.
    pub script: Script,
    /// The world's time at which it was loaded, in milliseconds.
    #[serde(rename = "at")]
    pub loaded_at: u64,
}

/// A table of the replicated database.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    /// Its schema.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// How many rows it has.
    pub rows: u32,
    /// Whether it has a primary key. DMS cannot validate a table without one.
    pub primary_key: bool,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// When it starts.
    pub trigger: Trigger,
    /// How long it lasts, in milliseconds; `None` if it does not end.
    #[serde(rename = "lasts")]
    pub duration: Option<u64>,
    /// Its effects while it is active.
    pub changes: Changes,
}

/// When an event starts. It starts once.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Trigger {
    /// This many milliseconds after the script was loaded.
    After(u64),
    /// When the records with this set identifier have at least this share of the live weights, in percent.
    Traffic {
        /// The set identifier.
        environment: String,
        /// The share.
        percent: f64,
    },
    /// When a replication task has been running for this many milliseconds.
    TaskRunning(u64),
}

/// The effects of an event while it is active.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Changes {
    /// The replication lag.
    pub lag_seconds: Option<f64>,
    /// The validation result of a table.
    pub validation: Option<Validation>,
    /// Tables, as `schema.name`, that DMS has suspended because of errors.
    pub table_errors: Vec<String>,
    /// Every task that runs fails with this message.
    pub task_fails: Option<String>,
    /// The connections of running tasks to their target end once. Only real data notices.
    pub connection_drops: bool,
    /// Tests of the connection to the `source` or `target` endpoint fail with this message.
    pub connection_fails: BTreeMap<String, String>,
    /// The share of requests that targets answer with 5xx, in percent, by environment.
    pub error_percent: BTreeMap<String, f64>,
    /// How long targets take to respond, by environment.
    pub latency_seconds: BTreeMap<String, f64>,
    /// The CPU load of databases, by a pattern of their identifiers.
    pub cpu_percent: BTreeMap<String, f64>,
    /// The free storage of databases, by a pattern of their identifiers.
    pub free_storage_bytes: BTreeMap<String, f64>,
    /// How much write-ahead log the oldest replication slot retains, by a pattern of the databases' identifiers.
    pub slot_lag_bytes: BTreeMap<String, f64>,
    /// How many targets fail their health checks, by environment or by a pattern of target group names.
    pub unhealthy_targets: BTreeMap<String, u32>,
    /// Metrics without data points: patterns of `namespace:name`.
    pub metrics_missing: Vec<String>,
    /// DB instances that are created within five minutes of their parameter group start without its parameters.
    pub parameter_groups_late: bool,
    /// GuardDuty watches the tasks of all VPCs, and creates its endpoints.
    pub guardduty: bool,
    /// How many instances somebody else runs in each VPC.
    pub foreign_instances: usize,
    /// Log groups whose last entries arrive after their deletion: patterns of names.
    pub late_logs: Vec<String>,
    /// By how many milliseconds reads of all services can be stale.
    pub read_lag: Option<u64>,
    /// The error codes with which calls fail, by a pattern of `service:Operation`.
    pub calls_fail: BTreeMap<String, String>,
    /// The error codes with which S3 refuses to delete objects, by a pattern of `bucket/key`. The call itself succeeds.
    pub objects_stay: BTreeMap<String, String>,
}

/// The validation result of a table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Validation {
    /// The table, as `schema.name`.
    pub table: String,
    /// The result.
    #[serde(rename = "finding")]
    pub outcome: ValidationOutcome,
    /// The number of affected rows.
    pub rows: u32,
}

/// The possible results of a validation ("TableStatistics", `ValidationState`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ValidationOutcome {
    /// Rows differ.
    Mismatched,
    /// Rows could not be validated.
    Suspended,
    /// Rows are waiting for validation.
    Pending,
    /// The table could not be validated.
    Error,
}

impl Default for Script {
    /// No events.
    fn default() -> Self {
        let table =
            |name: &str, rows| Table { schema: "public".to_owned(), name: name.to_owned(), rows, primary_key: true };
        let tables = vec![table("payments", 120_000), table("customers", 30_000), table("audit_log", 5_000)];
        Self {
            requests_per_minute: 600,
            immediate_metrics: false,
            tables,
            account: AccountFacts::default(),
            events: Vec::new(),
        }
    }
}

impl Script {
    /// Returns by how many milliseconds a read can be stale while some event is active.
    pub fn max_read_lag(&self) -> Option<u64> {
        self.events.iter().filter_map(|event| event.changes.read_lag).max()
    }
}

impl Table {
    /// Returns its name, qualified with the schema.
    pub fn full_name(&self) -> String {
        format!("{}.{}", self.schema, self.name)
    }
}
