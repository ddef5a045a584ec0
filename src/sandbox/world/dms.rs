//! Database replication: what DMS keeps in one region.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ec2::Tags;

/// What DMS keeps in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Dms {
    /// Subnet groups by identifier.
    pub subnet_groups: BTreeMap<String, SubnetGroup>,
    /// Replication instances by identifier.
    pub instances: BTreeMap<String, Instance>,
    /// Endpoints by identifier.
    pub endpoints: BTreeMap<String, Endpoint>,
    /// Replication tasks by identifier.
    pub tasks: BTreeMap<String, Task>,
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
    pub available_at: u64,
    /// When the last change is made, and whether one was asked for.
    pub modified_at: Option<u64>,
    pub gone_at: Option<u64>,
    pub tags: Tags,
}

impl Instance {
    /// Returns its status.
    pub fn status(&self, now: u64) -> &'static str {
        match (self.gone_at, self.modified_at) {
            (Some(_), _) => "deleting",
            (None, _) if now < self.available_at => "creating",
            (None, Some(at)) if now < at => "modifying",
            (None, _) => "available",
        }
    }

    /// What its network interfaces are described as.
    pub fn interface_description(&self) -> String {
        format!("DMSNetworkInterface {}", self.identifier)
    }
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
    pub kms_key_id: Option<String>,
    pub active_at: u64,
    pub gone_at: Option<u64>,
    pub tags: Tags,
}

impl Endpoint {
    /// Returns its status.
    pub fn status(&self, now: u64) -> &'static str {
        match self.gone_at {
            Some(_) => "deleting",
            None if now < self.active_at => "creating",
            None => "active",
        }
    }
}

/// What a task is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the names are those of the DMS API's statuses")]
pub enum Doing {
    Creating,
    Modifying,
    Ready,
    Starting,
    Running,
    Stopping,
    Stopped,
    Deleting,
}

/// A replication task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the DMS API's `ReplicationTask`")]
pub struct Task {
    pub identifier: String,
    pub arn: String,
    pub source_endpoint_arn: String,
    pub target_endpoint_arn: String,
    pub instance_arn: String,
    pub migration_type: String,
    pub table_mappings: Value,
    pub settings: Value,
    pub doing: Doing,
    /// When what it is doing is over, if that ends by itself.
    pub until: Option<u64>,
    /// Whether it has ever run.
    pub started_at: Option<u64>,
    pub tags: Tags,
}

impl Task {
    /// Returns its status.
    pub fn status(&self) -> &'static str {
        match self.doing {
            Doing::Creating => "creating",
            Doing::Modifying => "modifying",
            Doing::Ready => "ready",
            Doing::Starting => "starting",
            Doing::Running => "running",
            Doing::Stopping => "stopping",
            Doing::Stopped => "stopped",
            Doing::Deleting => "deleting",
        }
    }

    /// Lets time pass. Returns whether it still exists.
    fn advance(&mut self, now: u64) -> bool {
        if self.until.is_none_or(|until| now < until) {
            return true;
        }
        self.until = None;
        self.doing = match self.doing {
            Doing::Starting => Doing::Running,
            Doing::Stopping => Doing::Stopped,
            // A task that has run goes back to where it was.
            Doing::Creating | Doing::Modifying if self.started_at.is_some() => Doing::Stopped,
            Doing::Creating | Doing::Modifying => Doing::Ready,
            Doing::Deleting => return false,
            same => same,
        };
        true
    }
}

impl Dms {
    /// Lets time pass.
    pub fn advance(&mut self, now: u64) {
        self.instances.retain(|_, instance| instance.gone_at.is_none_or(|at| at > now));
        self.endpoints.retain(|_, endpoint| endpoint.gone_at.is_none_or(|at| at > now));
        self.tasks.retain(|_, task| task.advance(now));
    }

    /// Returns the name of everything that exists.
    pub fn inventory(&self) -> Vec<String> {
        let groups = self.subnet_groups.keys().map(|name| format!("replication subnet group {name}"));
        let instances = self.instances.keys().map(|name| format!("replication instance {name}"));
        let endpoints = self.endpoints.keys().map(|name| format!("replication endpoint {name}"));
        let tasks = self.tasks.keys().map(|name| format!("replication task {name}"));
        groups.chain(instances).chain(endpoints).chain(tasks).collect()
    }

    /// Returns the ARN and the tags of everything.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let groups = self.subnet_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let instances = self.instances.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let endpoints = self.endpoints.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let tasks = self.tasks.values().map(|one| (one.arn.clone(), one.tags.clone()));
        groups.chain(instances).chain(endpoints).chain(tasks).collect()
    }

    /// Returns the tags of the thing with this ARN.
    pub fn tags_of(&mut self, arn: &str) -> Option<&mut Tags> {
        let groups = self.subnet_groups.values_mut().map(|one| (&one.arn, &mut one.tags));
        let instances = self.instances.values_mut().map(|one| (&one.arn, &mut one.tags));
        let endpoints = self.endpoints.values_mut().map(|one| (&one.arn, &mut one.tags));
        let tasks = self.tasks.values_mut().map(|one| (&one.arn, &mut one.tags));
        groups.chain(instances).chain(endpoints).chain(tasks).find(|(its, _)| *its == arn).map(|(_, tags)| tags)
    }
}
