//! `[database]` and `[secrets]`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Database {
    /// PostgreSQL version: a major version such as "16", or an exact version such as "16.4".
    pub engine_version: String,
    /// Instance class of RDS.
    pub instance_class: String,
    /// Storage in GiB, 20 to 65536.
    #[schemars(range(min = 20, max = 65536))]
    pub allocated_storage_gb: i32,
    /// Storage type: `gp2` or `gp3`.
    pub storage_type: String,
    /// Name of the database in the instance.
    pub name: String,
    /// Master user name. Secrets Manager generates the password.
    pub username: String,
    /// Whether a standby instance runs in a second zone.
    pub multi_az: bool,
    /// Whether the storage is encrypted. The policy `encryption` rejects false, unless there is an exception.
    pub storage_encrypted: bool,
    /// Additional address ranges with access to the database, for example of a VPN. The service and the replication
    /// always have access.
    pub allowed_cidrs: Vec<String>,
    /// Retention of automated backups in days, 1 to 35. Replication requires at least 1.
    #[schemars(range(min = 1, max = 35))]
    pub backup_retention_days: i32,
    /// Logs that are exported to CloudWatch Logs: `postgresql`, `upgrade`, `iam-db-auth-error`.
    pub log_exports: Vec<String>,
    /// Retention of Performance Insights in days. 0 turns it off; 7 is free of charge.
    #[schemars(range(min = 0, max = 731))]
    pub performance_insights_days: i32,
    /// Whether AWS rejects the deletion of the database. If true, `down` refuses to run.
    pub deletion_protection: bool,
    /// Whether `down` creates a final snapshot.
    pub final_snapshot: bool,
    /// Whether changes of class, storage and version are applied immediately. If false, RDS applies them in the next
    /// maintenance window.
    pub apply_immediately: bool,
    /// Additional parameters of the engine, for example `{ log_min_duration_statement = "500" }`. Static parameters
    /// take effect when the database restarts.
    pub parameters: BTreeMap<String, String>,
}

impl Default for Database {
    fn default() -> Self {
        Self {
            engine_version: "16".into(),
            instance_class: "db.r5.large".into(),
            allocated_storage_gb: 100,
            storage_type: "gp2".into(),
            name: "paymentdb".into(),
            username: "dbadmin".into(),
            multi_az: false,
            storage_encrypted: true,
            allowed_cidrs: Vec::new(),
            backup_retention_days: 7,
            log_exports: vec!["postgresql".into(), "upgrade".into()],
            performance_insights_days: 7,
            deletion_protection: false,
            final_snapshot: false,
            apply_immediately: true,
            parameters: BTreeMap::new(),
        }
    }
}

/// The settings of the database credentials.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Secrets {
    /// Interval between two rotations of the password in days, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub rotation_days: i64,
    /// Time in days during which a deleted secret can be restored, 7 to 30. 0 deletes it immediately.
    #[schemars(range(min = 0, max = 30))]
    pub recovery_window_days: i64,
}

impl Default for Secrets {
    fn default() -> Self {
        Self { rotation_days: 30, recovery_window_days: 0 }
    }
}
