//! The replication of a bucket into another one. It is a setting of the replicated bucket, which determines its owner.
//!
//! S3 replicates only objects that are written after the setting ("What isn't replicated").

use async_trait::async_trait;
use aws_sdk_s3::types::{
    DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, EncryptionConfiguration, Metrics,
    MetricsStatus, ReplicationConfiguration, ReplicationRule, ReplicationRuleFilter, ReplicationRuleStatus,
    ReplicationTime, ReplicationTimeStatus, ReplicationTimeValue, SourceSelectionCriteria, SseKmsEncryptedObjects,
    SseKmsEncryptedObjectsStatus,
};
use serde::{Deserialize, Serialize};

use super::bucket::Bucket;
use super::settings::{built, change};
use infra_base::address::Arn;
use infra_core::graph::Input;
use infra_core::resource::{Observed, Parent, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// "You can only specify 15 minutes" (ReplicationTimeValue).
const MINUTES: i32 = 15;
/// How long S3 can take to accept a new role, in seconds.
const ROLE_SECONDS: u64 = 120;

/// The keys of objects that KMS encrypts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaKeys {
    /// The key that encrypts the replicas, in their region.
    pub replica: String,
}

/// The specification of a bucket's replication.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "s3.bucket_replication",
    summary = "the replication of a bucket into another one",
    repeat = "setting",
    create_seconds = 2,
    delete_seconds = 1,
    reads("s3:GetBucketReplication"),
    creates("s3:PutBucketReplication"),
    updates("s3:PutBucketReplication"),
    deletes("s3:DeleteBucketReplication"),
    // "To perform this operation, the user or role must have the iam:PassRole permission" (PutBucketReplication).
    permissions("iam:PassRole")
)]
pub struct BucketReplication {
    /// The name of the replicated bucket, once it has versioning.
    #[immutable]
    #[unique]
    pub bucket: Input<String>,
    /// The role that S3 uses.
    #[weak_ref]
    pub role: Input<Arn>,
    /// The ARN of the destination bucket.
    #[weak_ref]
    pub destination: Input<Arn>,
    /// Delays the replication until the destination bucket has versioning, which S3 requires.
    pub destination_ready: Input<String>,
    /// The name of the rule.
    pub rule_id: String,
    /// The priority among several rules.
    pub priority: i32,
    /// The keys, when KMS encrypts the objects.
    pub keys: Option<ReplicaKeys>,
    /// Delays the replication until the role has its permissions.
    pub permission: Input<String>,
}

/// What is known of a bucket's replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
#[attrs(id_with = rule_id)]
pub struct BucketReplicationAttrs {
    /// The replicated bucket.
    #[output(created, name = "done", doc = "For resources that only depend on the replication.")]
    pub bucket: String,
    /// Its settings.
    pub settings: ReplicationSettings,
}

/// The settings of a replication. Observed and wanted settings have the same form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicationSettings {
    pub role: String,
    pub rule_id: String,
    pub priority: i32,
    pub enabled: bool,
    /// Whether it applies to all objects.
    pub everything: bool,
    pub delete_markers: bool,
    pub destination: String,
    /// Whether replication time control and its metrics are on.
    pub time_control: bool,
    pub replica_key: Option<String>,
    /// Other rules, which the rule of this kind replaces.
    #[serde(default)]
    pub other_rules: usize,
}

#[async_trait]
impl Resource for BucketReplication {
    async fn observe(
        &self,
        cx: &StepContext,
        known: Option<&BucketReplicationAttrs>,
    ) -> Result<Observed<BucketReplicationAttrs>> {
        let bucket = match known {
            Some(attrs) => &attrs.bucket,
            None => self.bucket.get()?,
        };
        if cx.is_new(bucket) {
            return Ok(Observed::Absent);
        }
        let call = cx.aws.s3.get_bucket_replication().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
        let none = ["ReplicationConfigurationNotFoundError", "NoSuchBucket"];
        let found = ignore_codes(cx.read("s3:GetBucketReplication", call).await, &none)?;
        Ok(match found.and_then(|found| found.replication_configuration) {
            None => Observed::Absent,
            Some(current) => {
                Observed::Ours(BucketReplicationAttrs { bucket: bucket.clone(), settings: self.current(&current) })
            }
        })
    }

    fn parents(&self, attrs: Option<&BucketReplicationAttrs>) -> Result<Vec<Parent>> {
        Parent::only::<Bucket>("name", attrs.map(|attrs| &attrs.bucket), &self.bucket)
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<BucketReplicationAttrs>) -> Result<BucketReplicationAttrs> {
        let settings = self.wanted()?;
        if let Some(attrs) = seen.filter(|attrs| attrs.settings == settings) {
            return Ok(attrs);
        }
        let bucket = self.bucket.get()?;
        let configuration = self.configuration(&settings)?;
        let put = || {
            let call =
                cx.aws.s3.put_bucket_replication().bucket(bucket).replication_configuration(configuration.clone());
            call.expected_bucket_owner(cx.account.as_str()).send()
        };
        // A new role or a new versioning setting may not be visible to S3 yet.
        let passing = ["InvalidRequest", "InvalidArgument"];
        let why = "S3 to see the role and the versioning";
        cx.retry(why, &passing, ROLE_SECONDS, || change(cx, "s3:PutBucketReplication", put)).await?;
        Ok(BucketReplicationAttrs { bucket: bucket.clone(), settings })
    }

    async fn delete(&self, cx: &StepContext, attrs: &BucketReplicationAttrs) -> Result<()> {
        let call = || {
            cx.aws
                .s3
                .delete_bucket_replication()
                .bucket(&attrs.bucket)
                .expected_bucket_owner(cx.account.as_str())
                .send()
        };
        let none = ["ReplicationConfigurationNotFoundError", "NoSuchBucket"];
        ignore_codes(change(cx, "s3:DeleteBucketReplication", call).await, &none).map(drop)
    }
}

impl BucketReplication {
    fn wanted(&self) -> Result<ReplicationSettings> {
        Ok(ReplicationSettings {
            role: self.role.get()?.0.clone(),
            rule_id: self.rule_id.clone(),
            priority: self.priority,
            enabled: true,
            everything: true,
            delete_markers: true,
            destination: self.destination.get()?.0.clone(),
            time_control: true,
            replica_key: self.keys.as_ref().map(|keys| keys.replica.clone()),
            other_rules: 0,
        })
    }

    fn current(&self, current: &ReplicationConfiguration) -> ReplicationSettings {
        let mut rules = current.rules().to_vec();
        let ours = rules.iter().position(|rule| rule.id() == Some(&self.rule_id)).map(|at| rules.remove(at));
        let other_rules = rules.len();
        let Some(rule) = ours else {
            return ReplicationSettings {
                role: current.role().to_owned(),
                other_rules,
                ..ReplicationSettings::default()
            };
        };
        let filter = rule.filter();
        let destination = rule.destination();
        let time = destination.and_then(Destination::replication_time);
        let metrics = destination.and_then(Destination::metrics);
        let selected = rule.source_selection_criteria().and_then(SourceSelectionCriteria::sse_kms_encrypted_objects);
        let key = destination
            .and_then(Destination::encryption_configuration)
            .and_then(EncryptionConfiguration::replica_kms_key_id);
        ReplicationSettings {
            role: current.role().to_owned(),
            rule_id: self.rule_id.clone(),
            priority: rule.priority().unwrap_or_default(),
            enabled: *rule.status() == ReplicationRuleStatus::Enabled,
            everything: filter.is_none_or(|filter| {
                filter.and().is_none() && filter.tag().is_none() && filter.prefix().is_none_or(str::is_empty)
            }),
            delete_markers: rule.delete_marker_replication().and_then(DeleteMarkerReplication::status)
                == Some(&DeleteMarkerReplicationStatus::Enabled),
            destination: destination.map(|destination| destination.bucket().to_owned()).unwrap_or_default(),
            time_control: time.is_some_and(|time| *time.status() == ReplicationTimeStatus::Enabled)
                && metrics.is_some_and(|metrics| *metrics.status() == MetricsStatus::Enabled),
            replica_key: key
                .filter(|_| selected.is_some_and(|one| *one.status() == SseKmsEncryptedObjectsStatus::Enabled))
                .map(str::to_owned),
            other_rules,
        }
    }

    /// Returns a rule of the second version, which has a filter, a priority and a setting for delete markers
    /// ("Replication configuration file elements").
    fn configuration(&self, wanted: &ReplicationSettings) -> Result<ReplicationConfiguration> {
        let limit = ReplicationTimeValue::builder().minutes(MINUTES).build();
        let time =
            built(ReplicationTime::builder().status(ReplicationTimeStatus::Enabled).time(limit.clone()).build())?;
        let metrics = built(Metrics::builder().status(MetricsStatus::Enabled).event_threshold(limit).build())?;
        let mut destination =
            Destination::builder().bucket(&wanted.destination).replication_time(time).metrics(metrics);
        let mut rule =
            ReplicationRule::builder().id(&self.rule_id).priority(self.priority).status(ReplicationRuleStatus::Enabled);
        if let Some(key) = &wanted.replica_key {
            destination = destination
                .encryption_configuration(EncryptionConfiguration::builder().replica_kms_key_id(key).build());
            let encrypted =
                built(SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build())?;
            rule = rule.source_selection_criteria(
                SourceSelectionCriteria::builder().sse_kms_encrypted_objects(encrypted).build(),
            );
        }
        let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Enabled).build();
        let rule = rule.filter(ReplicationRuleFilter::builder().prefix("").build()).delete_marker_replication(markers);
        let rule = built(rule.destination(built(destination.build())?).build())?;
        built(ReplicationConfiguration::builder().role(&wanted.role).rules(rule).build())
    }
}

/// Returns the bucket and the id of the rule.
fn rule_id(attrs: &BucketReplicationAttrs) -> String {
    format!("{}/{}", attrs.bucket, attrs.settings.rule_id)
}
