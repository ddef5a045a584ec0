//! A bucket and its settings: encryption, versions, public access, transport, lifecycle.
//!
//! Bucket names are one name space for all accounts. Every call names the account that we expect to own the bucket, so that a
//! bucket of that name in another account is never read or changed.
//!
//! The bucket carries its tags from the call that makes it. So a bucket of ours without them cannot exist, and one without
//! them was made by somebody else. An S3 that does not know tags in that call (some emulators) gets them in a second one.

use std::collections::BTreeMap;

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership, Tag, Tagging};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::{Encryption, Lifecycle, SeenLifecycle, Settings, built, change};
use super::{contents, settings};
use crate::address::Arn;
use crate::aws::{Progress, Wait, partition};
use crate::graph::Input;
use crate::resource::{About, Cx, Error, Handle, Observed, Resource, Result, settled};
use crate::resources::names::fill;
use crate::resources::owned::{missing, other_owner};

/// How long S3 may refuse a name that was in use a moment ago: "OperationAborted: A conflicting conditional operation is
/// currently in progress" after a deletion lasts for up to an hour.
const NAME_SECONDS: u64 = 65 * 60;

/// The specification of a bucket.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Bucket {
    /// Its name; `{account}` and `{region}` are filled in.
    pub name: String,
    /// Whether it keeps old versions of objects. Replication needs that.
    pub versioned: bool,
    /// The KMS key that it encrypts with; without one, S3's own keys.
    pub kms_key: Option<String>,
    /// Whether it refuses unencrypted connections.
    pub tls_only: bool,
    /// Whether it can never be made public.
    pub block_public_access: bool,
    /// What becomes of old versions. Without one, rules that somebody else has made are left alone.
    pub lifecycle: Option<Lifecycle>,
    /// Whether deleting the bucket deletes what is in it.
    pub empty_on_delete: bool,
}

/// What is known of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct BucketAttrs {
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub arn: Arn,
    /// How it is set up.
    pub settings: Settings,
    /// Tags that it should carry and does not.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub missing_tags: BTreeMap<String, String>,
}

impl Handle<Bucket> {
    /// The bucket's name.
    pub fn name(&self) -> Input<String> {
        self.created("name")
    }

    /// The bucket's ARN.
    pub fn arn(&self) -> Input<Arn> {
        self.created("arn")
    }

    /// The bucket's name, once all its settings are in place: for what needs its versions, or writes into it.
    pub fn ready_name(&self) -> Input<String> {
        self.ready("name")
    }
}

#[async_trait]
impl Resource for Bucket {
    const KIND: &'static str = "s3.bucket";
    const ABOUT: About = About {
        summary: "a bucket with encryption, versions, no public access and a lifecycle",
        create_seconds: 3,
        ready_seconds: 0,
        delete_seconds: 2,
        operations: &[
            "s3:CreateBucket",
            "s3:TagResource",
            "s3:ListBuckets",
            "s3:GetBucketTagging",
            "s3:PutBucketTagging",
            "s3:GetBucketVersioning",
            "s3:PutBucketVersioning",
            "s3:GetBucketEncryption",
            "s3:PutBucketEncryption",
            "s3:GetPublicAccessBlock",
            "s3:PutPublicAccessBlock",
            "s3:DeletePublicAccessBlock",
            "s3:GetBucketOwnershipControls",
            "s3:PutBucketOwnershipControls",
            "s3:GetBucketPolicy",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:GetBucketLifecycleConfiguration",
            "s3:PutBucketLifecycleConfiguration",
            "s3:DeleteBucketLifecycle",
            "s3:ListObjectVersions",
            "s3:DeleteObjects",
            "s3:DeleteBucket",
        ],
        creates: &["s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutBucketPolicy", "s3:PutBucketLifecycleConfiguration"],
        changes: &[
            "s3:PutBucketTagging",
            "s3:PutBucketVersioning",
            "s3:PutBucketEncryption",
            "s3:PutPublicAccessBlock",
            "s3:DeletePublicAccessBlock",
            "s3:PutBucketOwnershipControls",
            "s3:PutBucketPolicy",
            "s3:DeleteBucketPolicy",
            "s3:PutBucketLifecycleConfiguration",
            "s3:DeleteBucketLifecycle",
        ],
        deletes: &["s3:DeleteBucket"],
        immutable: &["name"],
        tagged: true,
        blocked_by: "what is in it, unless the configuration allows to delete that",
        unique: &[&["name"]],
        holds_data: true,
        ..About::PLAIN
    };
    const DELETION_INPUTS: &'static [&'static str] = &["empty_on_delete"];
    type Attrs = BucketAttrs;

    async fn observe(&self, cx: &Cx, known: Option<&BucketAttrs>) -> Result<Observed<BucketAttrs>> {
        let name = known.map_or_else(|| fill(cx, &self.name), |attrs| attrs.name.clone());
        let tags = match tags_of(cx, &name).await {
            Ok(Some(tags)) => tags,
            Ok(None) => return Ok(Observed::Absent),
            // Access is denied to what belongs to another account, and also to a user who may not look.
            Err(error) if error.is_code("AccessDenied") && !is_in_account(cx, &name).await? => {
                return Ok(Observed::Foreign { id: name, owner: "another AWS account".to_owned() });
            }
            Err(error) => return Err(error),
        };
        if let Some(owner) = other_owner(cx, &tags) {
            return Ok(Observed::Foreign { id: name, owner });
        }
        let settings = settings::read(cx, &name).await?;
        let arn = format!("arn:{}:s3:::{name}", partition(&cx.region)).into();
        Ok(Observed::Ours(BucketAttrs { name, arn, settings, missing_tags: missing(cx, &tags) }))
    }

    async fn ensure(&self, cx: &Cx, seen: Option<BucketAttrs>) -> Result<BucketAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        self.retag(cx, &attrs).await?;
        attrs.missing_tags.clear();
        // One after another: S3 refuses changes of one bucket at the same time.
        let (name, wanted) = (attrs.name.as_str(), self.wanted());
        settings::apply(cx, name, &mut attrs.settings, &wanted).await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &Cx, attrs: &BucketAttrs) -> Result<()> {
        let name = attrs.name.as_str();
        let look = || async {
            let call = || cx.aws.s3.delete_bucket().bucket(name).expected_bucket_owner(cx.account.as_str()).send();
            match settled(change(cx, "s3:DeleteBucket", call).await, &["NoSuchBucket"]) {
                Ok(_) => Ok(Progress::Reached(())),
                Err(error) if error.is_code("BucketNotEmpty") => {
                    if !self.empty_on_delete {
                        let held = contents::count(cx, name).await?;
                        let advice = "set `storage.empty_on_down = true` to let `down` delete what is in it";
                        return Err(Error::Refused(format!("the bucket `{name}` is not empty, it holds {held}; {advice}")));
                    }
                    contents::delete(cx, name).await?;
                    Ok(Progress::Pending("not empty".to_owned()))
                }
                Err(error) => Err(error),
            }
        };
        cx.wait(Wait::new(format!("bucket `{name}` to be empty"), 1, 120), look).await?;
        cx.wait(Wait::new(format!("bucket `{name}` to be gone"), 1, 120), || async {
            Ok(match tags_of(cx, name).await? {
                None => Progress::Reached(()),
                Some(_) => Progress::Pending("still there".to_owned()),
            })
        })
        .await
    }

    async fn retag(&self, cx: &Cx, attrs: &BucketAttrs) -> Result<()> {
        let dropped = cx.dropped_tags();
        if attrs.missing_tags.is_empty() && dropped.is_empty() { Ok(()) } else { tag(cx, attrs, &dropped).await }
    }

    fn as_inputs(attrs: &BucketAttrs) -> Vec<(&'static str, Value)> {
        let key = match &attrs.settings.encryption {
            Encryption::Kms(key) => Some(json!(key)),
            Encryption::S3 => Some(Value::Null),
            Encryption::None => None,
        };
        let lifecycle = match &attrs.settings.lifecycle {
            SeenLifecycle::Ours(lifecycle) => Some(json!(lifecycle)),
            SeenLifecycle::None => Some(Value::Null),
            SeenLifecycle::Other => None,
        };
        key.map(|key| ("kms_key", key)).into_iter().chain(lifecycle.map(|lifecycle| ("lifecycle", lifecycle))).collect()
    }

    fn id(attrs: &BucketAttrs) -> String {
        attrs.name.clone()
    }
}

impl Bucket {
    async fn create(&self, cx: &Cx) -> Result<BucketAttrs> {
        let name = fill(cx, &self.name);
        let mut configuration = CreateBucketConfiguration::builder().set_tags(Some(tags(&cx.identity.all_tags())?));
        // us-east-1 is where a bucket goes without a location, and is not accepted as one (CreateBucket).
        if cx.region.as_str() != "us-east-1" {
            configuration = configuration.location_constraint(BucketLocationConstraint::from(cx.region.as_str()));
        }
        let configuration = configuration.build();
        let create = || {
            let call = cx.aws.s3.create_bucket().bucket(&name).create_bucket_configuration(configuration.clone());
            call.object_ownership(ObjectOwnership::BucketOwnerEnforced).send()
        };
        let why = "S3 to let go of the name";
        cx.retry(why, &["OperationAborted"], NAME_SECONDS, || cx.mutate("s3:CreateBucket", create)).await?;
        // What is set by default depends on the account, so it is asked for; a new bucket may not show at once.
        let look = || async {
            let call = cx.aws.s3.get_bucket_tagging().bucket(&name).expected_bucket_owner(cx.account.as_str()).send();
            let tags = settled(cx.read("s3:GetBucketTagging", call).await, &["NoSuchTagSet"])?;
            Ok((tags.map(|found| by_key(found.tag_set())).unwrap_or_default(), settings::read(cx, &name).await?))
        };
        let (tags, settings) = cx.retry("the new bucket to show", &["NoSuchBucket"], 60, look).await?;
        let arn = format!("arn:{}:s3:::{name}", partition(&cx.region)).into();
        Ok(BucketAttrs { arn, settings, missing_tags: missing(cx, &tags), name })
    }

    fn wanted(&self) -> Settings {
        Settings {
            versioned: self.versioned,
            encryption: self.kms_key.clone().map_or(Encryption::S3, Encryption::Kms),
            block_public_access: self.block_public_access,
            owner_enforced: true,
            tls_only: self.tls_only,
            lifecycle: self.lifecycle.clone().map_or(SeenLifecycle::None, SeenLifecycle::Ours),
        }
    }
}

/// Returns the tags of a bucket, or `None` when there is no such bucket.
async fn tags_of(cx: &Cx, name: &str) -> Result<Option<BTreeMap<String, String>>> {
    let call = cx.aws.s3.get_bucket_tagging().bucket(name).expected_bucket_owner(cx.account.as_str()).send();
    match cx.read("s3:GetBucketTagging", call).await {
        Ok(found) => Ok(Some(by_key(found.tag_set()))),
        Err(error) if error.is_code("NoSuchTagSet") => Ok(Some(BTreeMap::new())),
        Err(error) if error.is_code("NoSuchBucket") => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds the tags that are missing, and leaves out those that are no longer wanted. S3 replaces all tags of a bucket at once, so those that somebody
/// else has added go along.
async fn tag(cx: &Cx, attrs: &BucketAttrs, dropped: &[String]) -> Result<()> {
    let mut all = tags_of(cx, &attrs.name).await?.unwrap_or_default();
    all.retain(|key, _| !dropped.contains(key));
    all.extend(attrs.missing_tags.clone());
    let tagging = built(Tagging::builder().set_tag_set(Some(tags(&all)?)).build())?;
    let put = || cx.aws.s3.put_bucket_tagging().bucket(&attrs.name).tagging(tagging.clone()).expected_bucket_owner(cx.account.as_str()).send();
    change(cx, "s3:PutBucketTagging", put).await?;
    cx.untagged();
    Ok(())
}

/// Returns whether this account has a bucket of that name.
async fn is_in_account(cx: &Cx, name: &str) -> Result<bool> {
    let mut token = None;
    loop {
        let page = cx.read("s3:ListBuckets", cx.aws.s3.list_buckets().prefix(name).set_continuation_token(token).send()).await?;
        if page.buckets().iter().any(|bucket| bucket.name() == Some(name)) {
            return Ok(true);
        }
        match page.continuation_token {
            Some(next) => token = Some(next),
            None => return Ok(false),
        }
    }
}

fn tags(tags: &BTreeMap<String, String>) -> Result<Vec<Tag>> {
    tags.iter().map(|(key, value)| built(Tag::builder().key(key).value(value).build())).collect()
}

fn by_key(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().map(|tag| (tag.key().to_owned(), tag.value().to_owned())).collect()
}
