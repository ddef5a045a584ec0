//! What a task is to do.

use std::time::Duration;

use infra_postgres::ConnectionInfo;

use crate::capture::{StartPosition, StopPosition};
use crate::mappings::Mappings;
use crate::settings::Settings;

/// A replication task.
#[derive(Clone, Debug)]
pub struct TaskDefinition {
    /// The external resource id: the last part of the ARN. Control tables and slots have it.
    pub name: String,
    /// The name of the replication instance, for the control tables.
    pub server: String,
    /// What it migrates.
    pub migration: MigrationType,
    /// Which tables it migrates.
    pub mappings: Mappings,
    /// How it migrates them.
    pub settings: Settings,
    /// Where it reads.
    pub source: SourceEndpoint,
    /// Where it writes.
    pub target: TargetEndpoint,
    /// How it starts.
    pub start: Start,
    /// Where it stops by itself.
    pub stop: Option<StopPosition>,
    /// How long a second of AWS lasts. All settings in seconds and minutes are multiplied with it.
    pub second: Duration,
    /// How long the task waits between two looks at an idle source, in time of the wall.
    pub poll: Duration,
}

impl TaskDefinition {
    /// Returns how long a time of AWS lasts.
    pub fn wall(&self, time: Duration) -> Duration {
        self.second.mul_f64(time.as_secs_f64())
    }
}

/// What a task migrates (`MigrationType`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MigrationType {
    /// `full-load`
    FullLoad,
    /// `cdc`
    Changes,
    /// `full-load-and-cdc`
    FullLoadAndChanges,
}

impl MigrationType {
    /// Returns whether tables are loaded.
    pub fn loads(self) -> bool {
        self != Self::Changes
    }

    /// Returns whether changes are replicated.
    pub fn captures(self) -> bool {
        self != Self::FullLoad
    }
}

/// How a task starts (`StartReplicationTaskType`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Start {
    /// `start-replication`, with the position for a task that only replicates changes.
    Fresh(StartPosition),
    /// `resume-processing`
    Resume,
    /// `reload-target`
    Reload,
}

/// Where a task reads, with the settings of the endpoint ("Endpoint settings and Extra Connection Attributes (ECAs)
/// when using PostgreSQL as a DMS source").
#[derive(Clone, Debug)]
pub struct SourceEndpoint {
    /// The database.
    pub connection: ConnectionInfo,
    /// `SlotName`: a slot that exists already.
    pub slot_name: Option<String>,
    /// `CaptureDdls`. "Default value: true".
    pub capture_ddls: bool,
    /// `DdlArtifactsSchema`. "Default value: public".
    pub ddl_schema: String,
    /// `HeartbeatEnable` and its settings. "Default value: false".
    pub heartbeat: Option<Heartbeat>,
    /// `FailTasksOnLobTruncation`. "Default value: false".
    pub fail_on_lob_truncation: bool,
    /// `MapUnboundedNumericAsString`. "Default value: false".
    pub exact_numeric: bool,
    /// `unboundedVarcharMaxSize`. "The default is 8000 bytes."
    pub varchar_max: u32,
    /// `ExecuteTimeout`, in seconds. "The default value is 60 seconds."
    pub execute_timeout: u32,
}

impl SourceEndpoint {
    /// Returns an endpoint with the default settings.
    pub fn new(connection: ConnectionInfo) -> Self {
        Self {
            connection,
            slot_name: None,
            capture_ddls: true,
            ddl_schema: "public".to_owned(),
            heartbeat: None,
            fail_on_lob_truncation: false,
            exact_numeric: false,
            varchar_max: 8000,
            execute_timeout: 60,
        }
    }
}

/// "The WAL heartbeat feature mimics a dummy transaction, so that idle logical replication slots don't hold onto old
/// WAL logs".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heartbeat {
    /// `HeartbeatSchema`. "Default value: public".
    pub schema: String,
    /// `HeartbeatFrequency`, in minutes. "Default value: 5".
    pub frequency: u32,
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self { schema: "public".to_owned(), frequency: 5 }
    }
}

/// Where a task writes, with the settings of the endpoint.
#[derive(Clone, Debug)]
pub struct TargetEndpoint {
    /// The database.
    pub connection: ConnectionInfo,
    /// `AfterConnectScript`: "this attribute has AWS DMS bypass foreign keys and user triggers to reduce the time it
    /// takes to bulk load data".
    pub after_connect_script: Option<String>,
    /// `MaxFileSize`: "the maximum size (in KB) of any .csv file used to transfer data to PostgreSQL". "Default value:
    /// 32,768 KB (32 MB)".
    pub max_file_size: u32,
}

impl TargetEndpoint {
    /// Returns an endpoint with the default settings.
    pub fn new(connection: ConnectionInfo) -> Self {
        Self { connection, after_connect_script: None, max_file_size: 32_768 }
    }
}
