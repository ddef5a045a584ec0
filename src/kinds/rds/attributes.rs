//! What is known of a database instance.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use infra_base::address::{Arn, SecurityGroupId};
use infra_macros::Attrs;

/// Settings that cannot be changed in place, as AWS shows them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ImmutableAttrs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub engine: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub db_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_username: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subnet_group: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encrypted: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kms_key: Option<String>,
}

/// Settings that this tool manages. They are the same for every database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct ManagedDefaults {
    /// Whether its name resolves to a public address.
    pub publicly_accessible: bool,
    /// Whether AWS upgrades minor versions on its own.
    pub auto_minor_version_upgrade: bool,
    /// Whether snapshots get its tags.
    pub copy_tags_to_snapshot: bool,
}

impl ManagedDefaults {
    /// The values that this tool sets.
    pub(super) const REQUIRED: Self =
        Self { publicly_accessible: false, auto_minor_version_upgrade: false, copy_tags_to_snapshot: true };
}

impl Default for ManagedDefaults {
    fn default() -> Self {
        Self::REQUIRED
    }
}

/// What is known of a database instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct DbInstanceAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    #[output(ready, name = "ready_identifier", doc = "The instance's name, once it is available.")]
    pub identifier: String,
    /// Its ARN.
    #[tag_target]
    #[computed]
    #[output(created)]
    pub arn: Arn,
    /// The id that stays when the instance is renamed; CloudWatch and IAM use it.
    #[computed]
    #[output(created)]
    pub resource_id: String,
    /// Known once the instance has been created.
    #[computed]
    #[output(ready, ty = String)]
    pub endpoint_address: Option<String>,
    /// Known once the instance has been created.
    #[computed]
    #[output(ready, ty = i32)]
    pub endpoint_port: Option<i32>,
    /// The full version of the engine.
    pub engine_version: String,
    /// Its class.
    pub instance_class: String,
    /// Gigabytes of storage.
    pub allocated_storage_gb: i32,
    /// The storage type.
    pub storage_type: String,
    /// Whether it has a standby in another availability zone.
    pub multi_az: bool,
    /// Days that automated backups are kept.
    pub backup_retention_days: i32,
    /// Logs that go to CloudWatch.
    pub log_exports: BTreeSet<String>,
    /// Days that Performance Insights keeps data; off when not set.
    pub performance_insights_days: Option<i32>,
    /// Whether AWS refuses to delete it.
    pub deletion_protection: bool,
    /// Its parameter group.
    pub parameter_group: String,
    /// Its security groups.
    pub security_groups: BTreeSet<SecurityGroupId>,
    /// The secret that the master password was taken from.
    pub master_secret: Option<Arn>,
    /// Whether accepted changes wait for the maintenance window.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    #[computed]
    pub waits_for_window: bool,
    /// Settings that this tool manages. Older states lack them; the defaults are the values that were set.
    #[serde(flatten)]
    pub managed: ManagedDefaults,
    /// Settings that cannot be changed in place, as AWS shows them. Older states lack them.
    #[serde(flatten, default)]
    pub immutable: ImmutableAttrs,
}
