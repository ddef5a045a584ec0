//! Buckets: what S3 keeps. Their names are one name space for all accounts and regions.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Place;
use super::ec2::Tags;
use crate::aws::partition;

/// What S3 keeps.
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
    /// The region it is in.
    pub region: String,
    /// The account that owns it.
    pub owner: String,
    /// Its tags.
    pub tags: Tags,
    /// `Enabled`, `Suspended`, or never turned on.
    pub versioning: Option<String>,
    /// `AES256` or `aws:kms`.
    pub sse_algorithm: String,
    /// The KMS key.
    pub kms_key: Option<String>,
    /// Whether it uses a key of its own under the KMS key.
    pub bucket_key: bool,
    /// The four parts of the public access block, or none of them.
    pub public_access_block: Option<[bool; 4]>,
    /// Who owns its objects, for example `BucketOwnerEnforced`.
    pub ownership: Option<String>,
    /// Its policy.
    pub policy: Option<Value>,
    /// Its lifecycle rules.
    pub lifecycle: Vec<LifecycleRule>,
    /// Where it is replicated to.
    #[serde(default)]
    pub replication: Option<Replication>,
    /// What is in it: by key, the newest version of a key first.
    pub versions: Vec<ObjectVersion>,
    /// What is in the newest versions of objects that were written through the API.
    #[serde(default)]
    pub contents: BTreeMap<String, Content>,
}

/// What is in an object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// Its bytes, which are text in all that the tool writes.
    pub text: String,
    /// Its ETag, without quotes.
    pub etag: String,
    /// When it was written, in milliseconds since the epoch.
    pub modified: u64,
}

/// A lifecycle rule, as far as it is modelled: what becomes of old versions and of unfinished uploads.
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

/// The replication of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "the fields are those of the S3 API's `ReplicationConfiguration`")]
pub struct Replication {
    pub role: String,
    pub rules: Vec<ReplicationRule>,
}

/// A rule of a replication.
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

/// One version of an object, or a mark that it was deleted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectVersion {
    /// The object's key.
    pub key: String,
    /// Its version. Newer versions come first in the order of these texts.
    pub version_id: String,
    /// Whether it marks a deletion.
    pub delete_marker: bool,
}

impl Bucket {
    /// A bucket as S3 makes it: encrypted with its own keys, private, without access lists ("Default settings for new S3
    /// buckets").
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
            versions: Vec::new(),
            contents: BTreeMap::new(),
        }
    }

    /// Writes an object.
    pub fn put(&mut self, key: &str) {
        self.add(key, false);
    }

    /// Writes an object with what is in it.
    pub fn write(&mut self, key: &str, content: Content) {
        self.put(key);
        self.contents.insert(key.to_owned(), content);
    }

    /// Deletes an object without naming a version, which in a bucket with versions only marks it as deleted.
    pub fn delete(&mut self, key: &str) {
        self.contents.remove(key);
        if self.versioning.is_some() {
            self.add(key, true);
        } else {
            self.versions.retain(|version| version.key != key);
        }
    }

    fn add(&mut self, key: &str, delete_marker: bool) {
        // The newest version of this key, if there is one.
        let at = self.versions.partition_point(|other| other.key.as_str() < key);
        let newest = self.versions.get(at).filter(|version| version.key == key);
        let version_id = if self.versioning.as_deref() == Some("Enabled") {
            let number = newest.and_then(|version| u32::from_str_radix(&version.version_id, 16).ok());
            format!("{:08x}", number.unwrap_or(u32::MAX) - 1)
        } else {
            // Without versions, or while they are suspended, an object has one version, which is called so.
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
    pub fn inventory(&self, account: &str) -> Vec<String> {
        let mut names = Vec::new();
        for bucket in self.buckets.values().filter(|bucket| bucket.owner == account) {
            names.push(format!("bucket {}", bucket.name));
            names.extend(bucket.replication.as_ref().map(|_| format!("bucket {} replication", bucket.name)));
        }
        names
    }

    /// Returns the ARN and the tags of the account's buckets in a region.
    pub fn tagged(&self, place: &Place) -> Vec<(String, Tags)> {
        let here = self.buckets.values().filter(|bucket| bucket.owner == place.account && bucket.region == place.region.as_str());
        here.map(|bucket| (format!("arn:{}:s3:::{}", partition(&place.region), bucket.name), bucket.tags.clone())).collect()
    }
}
