//! DMS: database replication.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::scripted_failures::ScriptedFailures;
use super::tags::Tags;

pub use super::replication::{Positions, Progress, Run, StartType, TableLoad, Task, TaskState};

/// The state of DMS in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dms {
    /// Subnet groups by identifier.
    pub subnet_groups: BTreeMap<String, SubnetGroup>,
    /// Replication instances by identifier.
    pub instances: BTreeMap<String, Instance>,
    /// Certificates by identifier.
    pub certificates: BTreeMap<String, Certificate>,
    /// Endpoints by identifier.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Replication tasks by identifier.
    pub tasks: BTreeMap<String, Task>,
    /// The last connection tests between instances and endpoints.
    pub connections: Vec<Connection>,
    /// The runs of deleted tasks.
    #[serde(rename = "former_runs")]
    pub runs_of_deleted_tasks: Vec<Run>,
}

/// A subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `ReplicationSubnetGroup`")]
pub struct SubnetGroup {
    pub identifier: String,
    pub arn: String,
    pub description: String,
    pub vpc_id: String,
    pub subnet_ids: BTreeSet<String>,
    pub tags: Tags,
}

/// A replication instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `ReplicationInstance`")]
pub struct Instance {
    pub identifier: String,
    pub arn: String,
    pub class: String,
    pub allocated_storage: i32,
    pub engine_version: String,
    pub multi_az: bool,
    pub security_group_ids: Vec<String>,
    pub subnet_group: String,
    pub kms_key_id: Option<String>,
    pub publicly_accessible: bool,
    #[serde(default)]
    pub auto_minor_version_upgrade: bool,
    pub available_at: u64,
    /// When the last requested modification completes; `None` if none was requested.
    pub modified_at: Option<u64>,
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    pub tags: Tags,
}

impl Instance {
    /// Returns its status.
    pub fn status(&self, now: u64) -> &'static str {
        match (self.removed_at, self.modified_at) {
            (Some(_), _) => "deleting",
            (None, _) if now < self.available_at => "creating",
            (None, Some(at)) if now < at => "modifying",
            (None, _) => "available",
        }
    }

    /// Returns the description of its network interfaces.
    pub fn interface_description(&self) -> String {
        format!("DMSNetworkInterface {}", self.identifier)
    }
}

/// An imported certificate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `Certificate`")]
pub struct Certificate {
    pub identifier: String,
    pub arn: String,
    pub pem: String,
    pub kms_key_id: Option<String>,
    pub tags: Tags,
}

/// An endpoint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `Endpoint`")]
pub struct Endpoint {
    pub identifier: String,
    pub arn: String,
    /// `source` or `target`.
    pub direction: String,
    pub engine: String,
    pub database_name: String,
    pub secret_id: String,
    pub access_role_arn: String,
    pub ssl_mode: String,
    #[serde(default)]
    pub certificate_arn: Option<String>,
    #[serde(default)]
    pub settings: EndpointSettings,
    /// The extra connection attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    pub kms_key_id: Option<String>,
    pub active_at: u64,
    #[serde(rename = "gone_at")]
    pub removed_at: Option<u64>,
    pub tags: Tags,
}

/// The settings of a PostgreSQL endpoint. What is not set has the default of DMS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `PostgreSQLSettings`")]
pub struct EndpointSettings {
    pub slot_name: Option<String>,
    pub plugin_name: Option<String>,
    pub capture_ddls: Option<bool>,
    pub ddl_artifacts_schema: Option<String>,
    pub heartbeat_enable: Option<bool>,
    pub heartbeat_schema: Option<String>,
    pub heartbeat_frequency: Option<i32>,
    pub fail_tasks_on_lob_truncation: Option<bool>,
    pub execute_timeout: Option<i32>,
    pub after_connect_script: Option<String>,
    pub max_file_size: Option<i32>,
}

/// The extra connection attributes that are modelled.
pub const NUMERIC_AS_STRING: &str = "MapUnboundedNumericAsString";
/// The largest size of a text without a length, in bytes.
pub const VARCHAR_SIZE: &str = "unboundedVarcharMaxSize";

impl Endpoint {
    /// Returns its status.
    pub fn status(&self, now: u64) -> &'static str {
        match self.removed_at {
            Some(_) => "deleting",
            None if now < self.active_at => "creating",
            None => "active",
        }
    }
}

/// The last test of whether an instance can reach an endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `Connection`")]
pub struct Connection {
    pub endpoint_arn: String,
    pub instance_arn: String,
    /// When the test ends.
    pub done_at: u64,
    pub outcome: Outcome,
    /// The test of a real connection, if the data is real.
    #[serde(default)]
    pub measured: Option<Outcome>,
}

/// The result of a connection test.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// The test is running.
    Testing,
    /// The instance reaches the endpoint.
    Successful,
    /// The instance cannot reach the endpoint, for this reason.
    Failed(String),
}

impl Connection {
    /// Returns a connection that was tested successfully.
    pub fn successful(endpoint_arn: &str, instance_arn: &str) -> Self {
        Self {
            endpoint_arn: endpoint_arn.to_owned(),
            instance_arn: instance_arn.to_owned(),
            done_at: 0,
            outcome: Outcome::Successful,
            measured: None,
        }
    }
}

impl Dms {
    /// Advances the time, except for replication; see [`Dms::step`].
    pub fn advance(&mut self, now: u64) {
        self.instances.retain(|_, instance| instance.removed_at.is_none_or(|at| at > now));
        self.endpoints.retain(|_, endpoint| endpoint.removed_at.is_none_or(|at| at > now));
        let (endpoints, instances) = (&self.endpoints, &self.instances);
        self.connections.retain(|connection| {
            endpoints.values().any(|one| one.arn == connection.endpoint_arn)
                && instances.values().any(|one| one.arn == connection.instance_arn)
        });
    }

    /// Returns whether the state can change without a call.
    pub fn may_change_by_itself(&self) -> bool {
        self.tasks.values().any(Task::may_change_by_itself)
            || self.connections.iter().any(|connection| connection.outcome == Outcome::Testing)
    }

    /// Advances each task and each connection test by at most one state change. Returns whether there was one.
    pub fn step(&mut self, now: u64, scripted_failures: &ScriptedFailures) -> bool {
        let mut changed = false;
        for connection in self
            .connections
            .iter_mut()
            .filter(|connection| connection.outcome == Outcome::Testing && connection.done_at <= now)
            .filter(|connection| connection.measured != Some(Outcome::Testing))
        {
            let direction =
                self.endpoints.values().find(|one| one.arn == connection.endpoint_arn).map_or("", |one| &one.direction);
            connection.outcome = match scripted_failures.connection_failure(direction, connection.done_at) {
                Some(why) => Outcome::Failed(why.to_owned()),
                None => connection.measured.take().unwrap_or(Outcome::Successful),
            };
            changed = true;
        }
        for task in self.tasks.values_mut() {
            changed |= task.step(now, scripted_failures);
        }
        let former = &mut self.runs_of_deleted_tasks;
        self.tasks.retain(|_, task| {
            if task.is_removed(now) {
                former.append(&mut task.progress.runs);
                return false;
            }
            true
        });
        changed
    }

    /// Returns the first time, not before `since`, at which a task had been running for `wait` milliseconds.
    pub fn first_running_for(&self, wait: u64, since: u64) -> Option<u64> {
        let runs = self.tasks.values().flat_map(|task| &task.progress.runs).chain(&self.runs_of_deleted_tasks);
        runs.filter_map(|run| {
            let at = (run.from + wait).max(since);
            run.to.is_none_or(|to| at <= to).then_some(at)
        })
        .min()
    }

    /// Returns the last test of a connection.
    pub fn connection(&self, endpoint_arn: &str, instance_arn: &str) -> Option<&Connection> {
        self.connections.iter().find(|one| one.endpoint_arn == endpoint_arn && one.instance_arn == instance_arn)
    }

    /// Returns the names of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        let groups = self.subnet_groups.keys().map(|name| format!("replication subnet group {name}"));
        let instances = self.instances.keys().map(|name| format!("replication instance {name}"));
        let certificates = self.certificates.keys().map(|name| format!("replication certificate {name}"));
        let endpoints = self.endpoints.keys().map(|name| format!("replication endpoint {name}"));
        let tasks = self.tasks.keys().map(|name| format!("replication task {name}"));
        groups.chain(instances).chain(certificates).chain(endpoints).chain(tasks).collect()
    }

    /// Returns the ARNs and tags of all resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let groups = self.subnet_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let instances = self.instances.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let certificates = self.certificates.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let endpoints = self.endpoints.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let tasks = self.tasks.values().map(|one| (one.arn.clone(), one.tags.clone()));
        groups.chain(instances).chain(certificates).chain(endpoints).chain(tasks).collect()
    }

    /// Returns the tags of the resource with this ARN.
    pub fn tags_of(&mut self, arn: &str) -> Option<&mut Tags> {
        let groups = self.subnet_groups.values_mut().map(|one| (&one.arn, &mut one.tags));
        let instances = self.instances.values_mut().map(|one| (&one.arn, &mut one.tags));
        let certificates = self.certificates.values_mut().map(|one| (&one.arn, &mut one.tags));
        let endpoints = self.endpoints.values_mut().map(|one| (&one.arn, &mut one.tags));
        let tasks = self.tasks.values_mut().map(|one| (&one.arn, &mut one.tags));
        let mut all = groups.chain(instances).chain(certificates).chain(endpoints).chain(tasks);
        all.find(|(its, _)| *its == arn).map(|(_, tags)| tags)
    }
}
