//! The replication of a bucket into another one. It is a setting of the bucket that is replicated, and there is one for each
//! bucket; so, since the bucket is ours, is the setting.
//!
//! Only what is written from now on is replicated ("What isn't replicated").

use async_trait::async_trait;
use aws_sdk_s3::types::{
    DeleteMarkerReplication, DeleteMarkerReplicationStatus, Destination, EncryptionConfiguration, Metrics, MetricsStatus, ReplicationConfiguration,
    ReplicationRule, ReplicationRuleFilter, ReplicationRuleStatus, ReplicationTime, ReplicationTimeStatus, ReplicationTimeValue,
    SourceSelectionCriteria, SseKmsEncryptedObjects, SseKmsEncryptedObjectsStatus,
};
use serde::{Deserialize, Serialize};

use super::settings::{built, change};
use crate::address::Arn;
use crate::graph::Input;
use crate::resource::{About, Cx, Handle, Observed, Resource, Result, settled};

/// "You can only specify 15 minutes" (ReplicationTimeValue).
const MINUTES: i32 = 15;
/// How long S3 may take to know of a new role, in seconds.
const ROLE_SECONDS: u64 = 120;

/// The keys of objects that are encrypted by KMS.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReplicaKeys {
    /// The key that the replicas are encrypted with, in their region.
    pub replica: String,
}

/// The specification of a bucket's replication.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketReplication {
    /// The name of the bucket that is replicated, once it keeps versions.
    pub bucket: Input<String>,
    /// The role that S3 replicates with.
    pub role: Input<Arn>,
    /// The ARN of the bucket with the replicas.
    pub destination: Input<Arn>,
    /// Makes the replication wait until that bucket keeps versions, without which S3 refuses it.
    pub destination_ready: Input<String>,
    /// The name of the rule.
    pub rule_id: String,
    /// Which rule counts when several do.
    pub priority: i32,
    /// The keys, when objects are encrypted by KMS.
    pub keys: Option<ReplicaKeys>,
    /// Makes the replication wait for what the role may do.
    pub permission: Input<String>,
}

/// What is known of a bucket's replication.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketReplicationAttrs {
    /// The bucket that is replicated.
    pub bucket: String,
    /// How.
    pub settings: ReplicationSettings,
}

/// How a bucket is replicated; what S3 shows and what is wanted have the same form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct ReplicationSettings {
    pub role: String,
    pub rule_id: String,
    pub priority: i32,
    pub enabled: bool,
    /// Whether it counts for all objects.
    pub everything: bool,
    pub delete_markers: bool,
    pub destination: String,
    /// Whether replication time control and its metrics are on.
    pub time_control: bool,
    pub replica_key: Option<String>,
    /// Rules besides ours, which replaces them.
    #[serde(default)]
    pub other_rules: usize,
}

impl Handle<BucketReplication> {
    /// For resources that wait for the replication.
    pub fn done(&self) -> Input<String> {
        self.created("bucket")
    }
}

#[async_trait]
impl Resource for BucketReplication {
    const KIND: &'static str = "s3.bucket_replication";
    const ABOUT: About = About {
        summary: "the replication of a bucket into another one",
        create_seconds: 2,
        ready_seconds: 0,
        delete_seconds: 1,
        operations: &[
            // The IAM actions are s3:GetReplicationConfiguration and s3:PutReplicationConfiguration.
            "s3:GetBucketReplication",
            "s3:PutBucketReplication",
            "s3:DeleteBucketReplication",
            // "To perform this operation, the user or role must have the iam:PassRole permission" (PutBucketReplication).
            "iam:PassRole",
        ],
        creates: &["s3:PutBucketReplication"],
        changes: &["s3:PutBucketReplication"],
        deletes: &["s3:DeleteBucketReplication"],
        immutable: &["bucket"],
        tagged: false,
        blocked_by: "nothing",
        unique: &[&["bucket"]],
        mentions: &["role", "destination"],
        ..About::PLAIN
    };
    type Attrs = BucketReplicationAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&BucketReplicationAttrs>) -> Result<Observed<BucketReplicationAttrs>> {
        let bucket = match known {
            Some(attrs) => &attrs.bucket,
            None => self.bucket.get()?,
        };
        let call = cx.aws.s3.get_bucket_replication().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
        let none = ["ReplicationConfigurationNotFoundError", "NoSuchBucket"];
        let found = settled(cx.read("s3:GetBucketReplication", call).await, &none)?;
        Ok(match found.and_then(|found| found.replication_configuration) {
            None => Observed::Absent,
            Some(shown) => Observed::Ours(BucketReplicationAttrs { bucket: bucket.clone(), settings: self.shown(&shown) }),
        })
    }

    async fn ensure(&self, cx: &Cx, seen: Option<BucketReplicationAttrs>) -> Result<BucketReplicationAttrs> {
        let settings = self.wanted()?;
        if let Some(attrs) = seen.filter(|attrs| attrs.settings == settings) {
            return Ok(attrs);
        }
        let bucket = self.bucket.get()?;
        let configuration = self.configuration(&settings)?;
        let put = || {
            let call = cx.aws.s3.put_bucket_replication().bucket(bucket).replication_configuration(configuration.clone());
            call.expected_bucket_owner(cx.account.as_str()).send()
        };
        // A role or a version setting made a moment ago may not be known to S3 yet.
        let passing = ["InvalidRequest", "InvalidArgument"];
        let why = "S3 to know of the role and the versions";
        cx.retry(why, &passing, ROLE_SECONDS, || change(cx, "s3:PutBucketReplication", put)).await?;
        Ok(BucketReplicationAttrs { bucket: bucket.clone(), settings })
    }

    async fn delete(&self, cx: &Cx, attrs: &BucketReplicationAttrs) -> Result<()> {
        let call = || cx.aws.s3.delete_bucket_replication().bucket(&attrs.bucket).expected_bucket_owner(cx.account.as_str()).send();
        let none = ["ReplicationConfigurationNotFoundError", "NoSuchBucket"];
        settled(change(cx, "s3:DeleteBucketReplication", call).await, &none).map(drop)
    }

    fn id(attrs: &BucketReplicationAttrs) -> String {
        format!("{}/{}", attrs.bucket, attrs.settings.rule_id)
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

    fn shown(&self, shown: &ReplicationConfiguration) -> ReplicationSettings {
        let mut rules = shown.rules().to_vec();
        let ours = rules.iter().position(|rule| rule.id() == Some(&self.rule_id)).map(|at| rules.remove(at));
        let other_rules = rules.len();
        let Some(rule) = ours else { return ReplicationSettings { role: shown.role().to_owned(), other_rules, ..ReplicationSettings::default() } };
        let filter = rule.filter();
        let destination = rule.destination();
        let time = destination.and_then(Destination::replication_time);
        let metrics = destination.and_then(Destination::metrics);
        let selected = rule.source_selection_criteria().and_then(SourceSelectionCriteria::sse_kms_encrypted_objects);
        let key = destination.and_then(Destination::encryption_configuration).and_then(EncryptionConfiguration::replica_kms_key_id);
        ReplicationSettings {
            role: shown.role().to_owned(),
            rule_id: self.rule_id.clone(),
            priority: rule.priority().unwrap_or_default(),
            enabled: *rule.status() == ReplicationRuleStatus::Enabled,
            everything: filter.is_none_or(|filter| filter.and().is_none() && filter.tag().is_none() && filter.prefix().is_none_or(str::is_empty)),
            delete_markers: rule.delete_marker_replication().and_then(DeleteMarkerReplication::status)
                == Some(&DeleteMarkerReplicationStatus::Enabled),
            destination: destination.map(|destination| destination.bucket().to_owned()).unwrap_or_default(),
            time_control: time.is_some_and(|time| *time.status() == ReplicationTimeStatus::Enabled)
                && metrics.is_some_and(|metrics| *metrics.status() == MetricsStatus::Enabled),
            replica_key: key.filter(|_| selected.is_some_and(|one| *one.status() == SseKmsEncryptedObjectsStatus::Enabled)).map(str::to_owned),
            other_rules,
        }
    }

    /// A rule of the second version: it has a filter, a priority, and says what becomes of delete markers ("Replication
    /// configuration file elements").
    fn configuration(&self, wanted: &ReplicationSettings) -> Result<ReplicationConfiguration> {
        let limit = ReplicationTimeValue::builder().minutes(MINUTES).build();
        let time = built(ReplicationTime::builder().status(ReplicationTimeStatus::Enabled).time(limit.clone()).build())?;
        let metrics = built(Metrics::builder().status(MetricsStatus::Enabled).event_threshold(limit).build())?;
        let mut destination = Destination::builder().bucket(&wanted.destination).replication_time(time).metrics(metrics);
        let mut rule = ReplicationRule::builder().id(&self.rule_id).priority(self.priority).status(ReplicationRuleStatus::Enabled);
        if let Some(key) = &wanted.replica_key {
            destination = destination.encryption_configuration(EncryptionConfiguration::builder().replica_kms_key_id(key).build());
            let encrypted = built(SseKmsEncryptedObjects::builder().status(SseKmsEncryptedObjectsStatus::Enabled).build())?;
            rule = rule.source_selection_criteria(SourceSelectionCriteria::builder().sse_kms_encrypted_objects(encrypted).build());
        }
        let markers = DeleteMarkerReplication::builder().status(DeleteMarkerReplicationStatus::Enabled).build();
        let rule = rule.filter(ReplicationRuleFilter::builder().prefix("").build()).delete_marker_replication(markers);
        let rule = built(rule.destination(built(destination.build())?).build())?;
        built(ReplicationConfiguration::builder().role(&wanted.role).rules(rule).build())
    }
}
