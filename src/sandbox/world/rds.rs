//! RDS: databases.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::real_data::Server;
use super::tags::Tags;

/// The state of RDS in one region.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rds {
    /// Subnet groups by name.
    pub subnet_groups: BTreeMap<String, SubnetGroup>,
    /// Parameter groups by name.
    pub parameter_groups: BTreeMap<String, ParameterGroup>,
    /// Instances by identifier.
    pub instances: BTreeMap<String, Instance>,
    /// Snapshots by identifier.
    pub snapshots: BTreeMap<String, Snapshot>,
}

/// A DB subnet group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBSubnetGroup`")]
pub struct SubnetGroup {
    pub name: String,
    pub arn: String,
    pub description: String,
    pub vpc_id: String,
    pub subnet_ids: BTreeSet<String>,
    pub tags: Tags,
}

/// A DB parameter group with its modified parameters.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBParameterGroup`")]
pub struct ParameterGroup {
    pub name: String,
    pub arn: String,
    pub family: String,
    pub description: String,
    pub parameters: BTreeMap<String, String>,
    /// When it was created or changed.
    #[serde(default)]
    pub changed_at: u64,
    pub tags: Tags,
}

/// A snapshot that was taken before the deletion of an instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBSnapshot`")]
pub struct Snapshot {
    pub identifier: String,
    pub instance: String,
    pub taken_at: u64,
    pub tags: Tags,
}

/// A status that lasts until a given time.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "a status and its end")]
pub struct Phase {
    pub status: String,
    pub until: u64,
}

/// The settings of an instance that can be changed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBInstance`")]
pub struct Settings {
    pub engine_version: String,
    pub class: String,
    pub allocated_storage: i32,
    pub storage_type: String,
    pub multi_az: bool,
    pub backup_retention: i32,
    pub log_exports: BTreeSet<String>,
    pub master_password: String,
}

/// A DB instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the RDS API's `DBInstance`")]
pub struct Instance {
    pub identifier: String,
    pub arn: String,
    /// Also the name of the directory of its server, if it has one.
    #[serde(deserialize_with = "infra_base::file_id::text")]
    pub resource_id: String,
    pub engine: String,
    pub db_name: Option<String>,
    pub master_username: String,
    pub subnet_group: String,
    pub parameter_group: String,
    /// Whether static parameters of its group wait for a reboot.
    #[serde(default)]
    pub pending_reboot: bool,
    /// Whether it started without the parameters of its group, which RDS had not completed.
    #[serde(default)]
    pub lacks_parameters: bool,
    pub security_groups: BTreeSet<String>,
    pub kms_key_id: Option<String>,
    pub storage_encrypted: bool,
    pub publicly_accessible: bool,
    pub copy_tags_to_snapshot: bool,
    pub auto_minor_version_upgrade: bool,
    pub deletion_protection: bool,
    pub performance_insights_days: Option<i32>,
    pub host: String,
    pub created_at: u64,
    /// The settings in effect.
    pub settings: Settings,
    /// Accepted settings, and when they take effect.
    pub pending: Option<(Settings, u64)>,
    /// The statuses that it passes through, in order; the next one is `available`.
    pub phases: Vec<Phase>,
    /// A status that it does not leave, set by tests: `failed`, `incompatible-parameters`, …
    #[serde(rename = "stuck_in")]
    pub stuck_status: Option<String>,
    /// The messages of its events.
    pub events: Vec<String>,
    /// Its PostgreSQL server, if the data is real.
    #[serde(default)]
    pub server: Option<Server>,
    pub tags: Tags,
}

impl Instance {
    /// Returns its current status. A phase lasts until the server accepts connections.
    pub fn status(&self, now: u64) -> &str {
        match (self.phases.iter().find(|phase| phase.until > now), &self.stuck_status, &self.server) {
            (Some(phase), ..) => &phase.status,
            (None, Some(stuck), _) => stuck,
            (None, None, Some(server)) if server.failure.is_some() => "failed",
            (None, None, Some(server)) if !server.answers => {
                self.phases.last().map_or("rebooting", |phase| &phase.status)
            }
            (None, None, _) => "available",
        }
    }

    /// Restarts it, which gives it all static parameters of its group.
    pub fn restarts(&mut self) {
        (self.pending_reboot, self.lacks_parameters) = (false, false);
    }

    /// Returns the description of its network interfaces.
    pub fn interface_description(&self) -> String {
        format!("RDSNetworkInterface {}", self.resource_id)
    }

    fn is_removed(&self, now: u64) -> bool {
        self.phases.last().is_some_and(|phase| phase.status == "deleting" && phase.until <= now)
    }
}

impl Rds {
    /// Advances the time: pending settings take effect, and deleted instances are removed.
    pub fn advance(&mut self, now: u64) {
        self.instances.retain(|_, instance| !instance.is_removed(now));
        for instance in self.instances.values_mut() {
            if instance.pending.as_ref().is_some_and(|(_, at)| *at <= now)
                && let Some((settings, _)) = instance.pending.take()
            {
                instance.settings = settings;
            }
        }
    }

    /// Returns the ids of all existing resources.
    pub fn inventory(&self) -> Vec<String> {
        let groups = self.subnet_groups.keys().map(|name| format!("db subnet group {name}"));
        let parameters = self.parameter_groups.keys().map(|name| format!("db parameter group {name}"));
        let instances = self.instances.keys().map(|name| format!("db instance {name}"));
        let snapshots = self.snapshots.keys().map(|name| format!("db snapshot {name}"));
        groups.chain(parameters).chain(instances).chain(snapshots).collect()
    }
}

impl Rds {
    /// Returns the ARNs and tags of all taggable resources.
    pub fn tagged(&self) -> Vec<(String, Tags)> {
        let subnets = self.subnet_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let parameters = self.parameter_groups.values().map(|one| (one.arn.clone(), one.tags.clone()));
        let instances = self.instances.values().map(|one| (one.arn.clone(), one.tags.clone()));
        subnets.chain(parameters).chain(instances).collect()
    }
}
