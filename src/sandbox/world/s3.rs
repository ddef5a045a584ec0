//! S3: buckets. Their names share one namespace across all accounts and regions.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::account_region::AccountRegion;
use super::tags::Tags;

/// The state of S3.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct S3 {
    /// Buckets of all accounts by name.
    pub buckets: BTreeMap<String, Bucket>,
}

/// A bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name.
    pub name: String,
    /// Its region.
    pub region: String,
    /// The account that owns it.
    pub owner: String,
    /// Its tags.
    pub tags: Tags,
    /// `Enabled`, `Suspended`, or never enabled.
    pub versioning: Option<String>,
    /// `AES256` or `aws:kms`.
    pub sse_algorithm: String,
    /// The KMS key.
    pub kms_key: Option<String>,
    /// Whether it uses a bucket key under the KMS key.
    pub bucket_key: bool,
    /// The four flags of the public access block; `None` if it is not configured.
    pub public_access_block: Option<[bool; 4]>,
    /// The ownership of its objects, for example `BucketOwnerEnforced`.
    pub ownership: Option<String>,
    /// Its policy.
    pub policy: Option<Value>,
    /// Its lifecycle rules.
    pub lifecycle: Vec<LifecycleRule>,
    /// Its replication configuration.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// Its object versions, by key, newest first.
    pub versions: VecDeque<ObjectVersion>,
    /// The newest versions of objects that were written through the API, by key.
    #[serde(default)]
    #[serde(rename = "contents")]
    pub objects: BTreeMap<String, Object>,
}

/// The content of an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    /// Its text; the tool writes only text.
    pub text: String,
    /// Its ETag, without quotes.
    pub etag: String,
    /// When it was written, in milliseconds since the epoch.
    pub modified: u64,
}

/// A lifecycle rule, to the extent that it is modelled: noncurrent versions and incomplete uploads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the S3 API's `LifecycleRule`")]
pub struct LifecycleRule {
    pub id: String,
    pub enabled: bool,
    pub prefix: String,
    pub noncurrent_transitions: Vec<(i32, String)>,
    pub noncurrent_expire_days: Option<i32>,
    pub abort_multipart_days: Option<i32>,
}

/// The replication configuration of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the S3 API's `ReplicationConfiguration`")]
pub struct Replication {
    pub role: String,
    pub rules: Vec<ReplicationRule>,
}

/// A replication rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the S3 API's `ReplicationRule`")]
pub struct ReplicationRule {
    pub id: String,
    pub priority: i32,
    pub enabled: bool,
    pub prefix: String,
    pub delete_markers: bool,
    pub destination: String,
    pub time_control_minutes: Option<i32>,
    pub metrics_minutes: Option<i32>,
    pub replica_key: Option<String>,
}

/// A version of an object, or a delete marker.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// The object's key.
    pub key: String,
    /// Its version. Newer versions sort first.
    pub version_id: String,
    /// Whether it is a delete marker.
    pub delete_marker: bool,
}

impl Bucket {
    /// Returns a bucket with S3's defaults: encrypted with S3 managed keys, private, without access lists ("Default
    /// settings for new S3 buckets").
    pub fn new(name: &str, region: &str, owner: &str) -> Self {
        Self {
            name: name.to_owned(),
            region: region.to_owned(),
            owner: owner.to_owned(),
            tags: Tags::new(),
            versioning: None,
            sse_algorithm: "AES256".to_owned(),
            kms_key: None,
            bucket_key: false,
            public_access_block: Some([true; 4]),
            ownership: Some("BucketOwnerEnforced".to_owned()),
            policy: None,
            lifecycle: Vec::new(),
            replication: None,
            versions: VecDeque::new(),
            objects: BTreeMap::new(),
        }
    }

    /// Writes an object without content.
    pub fn put(&mut self, key: &str) {
        self.add(key, false);
    }

    /// Writes an object with its content.
    pub fn write(&mut self, key: &str, object: Object) {
        self.put(key);
        self.objects.insert(key.to_owned(), object);
    }

    /// Deletes an object without naming a version. In a versioned bucket this only adds a delete marker.
    pub fn delete(&mut self, key: &str) {
        self.objects.remove(key);
        if self.versioning.is_some() {
            self.add(key, true);
        } else {
            self.versions.retain(|version| version.key != key);
        }
    }

    fn add(&mut self, key: &str, delete_marker: bool) {
        // The newest version of this key, if it exists.
        let at = self.versions.partition_point(|other| other.key.as_str() < key);
        let newest = self.versions.get(at).filter(|version| version.key == key);
        let version_id = if self.versioning.as_deref() == Some("Enabled") {
            let number = newest.and_then(|version| u32::from_str_radix(&version.version_id, 16).ok());
            format!("{:08x}", number.unwrap_or(u32::MAX) - 1)
        } else {
            // Without versioning, or while it is suspended, an object has one version, with the id `null`.
            self.versions.retain(|version| version.key != key || version.version_id != "null");
            "null".to_owned()
        };
        let version = ObjectVersion { key: key.to_owned(), version_id, delete_marker };
        let at = self.versions.partition_point(|other| *other < version);
        self.versions.insert(at, version);
    }
}

impl S3 {
    /// Returns the name of every bucket of the account.
    pub fn inventory(&self) -> Vec<String> {
        let mut names = Vec::new();
        for bucket in self.buckets.values() {
            names.push(format!("bucket {}", bucket.name));
            names.extend(bucket.replication.as_ref().map(|_| format!("bucket {} replication", bucket.name)));
        }
        names
    }

    /// Returns the ARN and the tags of the account's buckets in a region.
    pub fn tagged(&self, scope: &AccountRegion) -> Vec<(String, Tags)> {
        let owned = self
            .buckets
            .values()
            .filter(|bucket| bucket.owner == scope.account && bucket.region == scope.region.as_str());
        owned
            .map(|bucket| (format!("arn:{}:s3:::{}", scope.region.partition(), bucket.name), bucket.tags.clone()))
            .collect()
    }
}
