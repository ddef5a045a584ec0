//! A bucket and its settings: encryption, versions, public access, transport, lifecycle.
//!
//! Bucket names are unique across all accounts. Every call names the account that is expected to own the bucket, so
//! that a bucket of that name in another account is never read or changed.
//!
//! The create call sets the tags. So a bucket of this stack always has them, and a bucket without them is foreign. Some
//! emulators ignore tags in that call; a second call sets them.

use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ObjectOwnership};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::settings::{Encryption, Lifecycle, SeenLifecycle, Settings, change};
use super::{objects, settings, tagging};
use crate::ownership::{foreign_owner, missing_tags};
use crate::placeholders::fill;
use crate::tag_index;
use infra_aws::{Progress, Wait};
use infra_base::address::Arn;
use infra_core::resource::{Error, Observed, Resource, Result, StepContext, ignore_codes};
use infra_macros::{Attrs, Spec};

/// How long S3 can refuse a name that was recently in use: "OperationAborted: A conflicting conditional operation is
/// currently in progress" after a deletion lasts for up to an hour.
const NAME_SECONDS: u64 = 65 * 60;
/// How often a bucket is emptied that something still writes into.
const ROUNDS: u32 = 50;

/// The specification of a bucket.
#[derive(Clone, Debug, Serialize, Deserialize, Spec)]
#[kind(
    name = "s3.bucket",
    summary = "a bucket with encryption, versions, no public access and a lifecycle",
    repeat = "name",
    arns("s3:"),
    create_seconds = 3,
    delete_seconds = 2,
    holds_data,
    tagger = tagging::S3,
    delete_blockers = "objects in it, unless the configuration allows their deletion",
    reads(
        "s3:ListBuckets",
        "s3:GetBucketTagging",
        "s3:GetBucketVersioning",
        "s3:GetBucketEncryption",
        "s3:GetPublicAccessBlock",
        "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy",
        "s3:GetBucketLifecycleConfiguration",
        "s3:ListObjectVersions",
        "s3:DeleteObjects",
        "tag:GetResources",
    ),
    creates("s3:CreateBucket", "s3:PutBucketVersioning", "s3:PutBucketPolicy", "s3:PutBucketLifecycleConfiguration"),
    updates(
        "s3:PutBucketVersioning",
        "s3:PutBucketEncryption",
        "s3:PutPublicAccessBlock",
        "s3:DeletePublicAccessBlock",
        "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy",
        "s3:DeleteBucketPolicy",
        "s3:PutBucketLifecycleConfiguration",
        "s3:DeleteBucketLifecycle",
    ),
    deletes("s3:DeleteBucket"),
    permissions("s3:TagResource"),
)]
pub struct Bucket {
    /// Its name; `{account}` and `{region}` are filled in.
    #[immutable]
    #[unique]
    #[compare(template)]
    pub name: String,
    /// Whether it keeps old versions of objects, which replication requires.
    pub versioned: bool,
    /// The KMS key that encrypts it. Without one, S3 uses its own keys.
    pub kms_key: Option<String>,
    /// Whether it refuses unencrypted connections.
    pub tls_only: bool,
    /// Whether it can never be made public.
    pub block_public_access: bool,
    /// The lifecycle of old versions. Without one, foreign rules are left alone.
    pub lifecycle: Option<Lifecycle>,
    /// Whether a deletion of the bucket deletes its objects.
    #[deletion]
    pub empty_on_delete: bool,
}

/// What is known of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Attrs)]
pub struct BucketAttrs {
    /// Its name.
    #[id]
    #[output(created)]
    #[output(
        ready,
        name = "ready_name",
        doc = "The bucket's name, once all settings are applied: for resources that require versioning or write to it."
    )]
    pub name: String,
    /// Its ARN.
    #[output(created)]
    pub arn: Arn,
    /// Its settings.
    pub settings: Settings,
}

#[async_trait]
impl Resource for Bucket {
    async fn observe(&self, cx: &StepContext, known: Option<&BucketAttrs>) -> Result<Observed<BucketAttrs>> {
        let name = known.map_or_else(|| fill(cx, &self.name), |attrs| attrs.name.clone());
        match look(cx, &name).await {
            // Access is denied for a bucket of another account, and also for a user without permission to read.
            Err(error) if error.is_code("AccessDenied") && !is_in_account(cx, &name).await? => {
                Ok(Observed::Foreign { id: name, owner: "another AWS account".into() })
            }
            seen => seen,
        }
    }

    async fn exists(cx: &StepContext, arn: &Arn) -> Result<bool> {
        let Some(name) = arn.id_after("s3:") else { return Ok(true) };
        Ok(tagging::list(cx, name).await?.is_some())
    }

    async fn ensure(&self, cx: &StepContext, seen: Option<BucketAttrs>) -> Result<BucketAttrs> {
        let mut attrs = match seen {
            Some(attrs) => attrs,
            None => self.create(cx).await?,
        };
        // One after another: S3 refuses concurrent changes of a bucket.
        let (name, wanted) = (attrs.name.as_str(), self.wanted());
        settings::apply(cx, name, &mut attrs.settings, &wanted).await?;
        Ok(attrs)
    }

    async fn delete(&self, cx: &StepContext, attrs: &BucketAttrs) -> Result<()> {
        let name = attrs.name.as_str();
        let emptying = &objects::Emptying::new(cx, name);
        let rounds = &AtomicU32::new(0);
        let attempt = || async {
            let call = || cx.aws.s3.delete_bucket().bucket(name).expected_bucket_owner(cx.account.as_str()).send();
            match ignore_codes(change(cx, "s3:DeleteBucket", call).await, &["NoSuchBucket"]) {
                Ok(_) => Ok(Progress::Reached(())),
                Err(error) if error.is_code("BucketNotEmpty") => {
                    if !self.empty_on_delete {
                        let held = objects::count(cx, name).await?;
                        let advice = "set `storage.empty_on_down = true` to let `down` delete its objects";
                        return Err(Error::Refused(format!(
                            "the bucket `{name}` is not empty: it has {held}; {advice}"
                        )));
                    }
                    if rounds.fetch_add(1, Ordering::Relaxed) >= ROUNDS {
                        return Err(Error::Refused(format!(
                            "the bucket `{name}` was emptied {ROUNDS} times, and something still writes into it; stop \
                             that, and run the same command again"
                        )));
                    }
                    emptying.run().await?;
                    // Somebody may write meanwhile. The timeout starts again with each object that is deleted.
                    Ok(Progress::Pending(emptying.status()))
                }
                Err(error) => Err(error),
            }
        };
        cx.wait(Wait::new(emptying.what(), 1, 120), attempt).await?;
        cx.wait(Wait::new(format!("bucket `{name}` to be deleted"), 1, 120), || async {
            Ok(match tagging::list(cx, name).await? {
                None => Progress::Reached(()),
                Some(_) => Progress::Pending("still there".to_owned()),
            })
        })
        .await
    }

    fn inputs_from_attrs(attrs: &BucketAttrs) -> Vec<(&'static str, Value)> {
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
}

impl Bucket {
    async fn create(&self, cx: &StepContext) -> Result<BucketAttrs> {
        let name = fill(cx, &self.name);
        let mut configuration =
            CreateBucketConfiguration::builder().set_tags(Some(tagging::to_sdk(cx.identity.all_tags())?));
        // us-east-1 is the default location and is not accepted as a value (CreateBucket).
        if cx.region.as_str() != "us-east-1" {
            configuration = configuration.location_constraint(BucketLocationConstraint::from(cx.region.as_str()));
        }
        let configuration = configuration.build();
        let create = || {
            let call = cx.aws.s3.create_bucket().bucket(&name).create_bucket_configuration(configuration.clone());
            call.object_ownership(ObjectOwnership::BucketOwnerEnforced).send()
        };
        let why = "S3 to release the name";
        cx.retry(why, &["OperationAborted"], NAME_SECONDS, || cx.mutate("s3:CreateBucket", create)).await?;
        // The default settings depend on the account, so they are read. A new bucket may not be visible at once.
        let read = || async {
            let call = cx.aws.s3.get_bucket_tagging().bucket(&name).expected_bucket_owner(cx.account.as_str()).send();
            let tags = ignore_codes(cx.read("s3:GetBucketTagging", call).await, &["NoSuchTagSet"])?;
            Ok((
                tags.map(|found| tagging::from_sdk(found.tag_set())).unwrap_or_default(),
                settings::read(cx, &name).await?,
            ))
        };
        let (tags, settings) = cx.retry("the new bucket to be visible", &["NoSuchBucket"], 60, read).await?;
        let attrs = BucketAttrs { arn: arn_of(cx, &name), name, settings };
        if !missing_tags(cx, &tags).is_empty() {
            self.retag(cx, &attrs).await?;
        }
        Ok(attrs)
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

async fn look(cx: &StepContext, name: &str) -> Result<Observed<BucketAttrs>> {
    let arn = arn_of(cx, name);
    let tags = match tag_index::tags(cx, arn.as_str()).await? {
        Some(listed) => listed,
        None => match tagging::list(cx, name).await? {
            Some(tags) => tags,
            None => return Ok(Observed::Absent),
        },
    };
    if let Some(owner) = foreign_owner(cx, &tags) {
        return Ok(Observed::Foreign { id: name.to_owned(), owner });
    }
    let settings = ignore_codes(settings::read(cx, name).await, &["NoSuchBucket"])?;
    let name = name.to_owned();
    Ok(settings.map_or(Observed::Absent, |settings| Observed::Ours(BucketAttrs { name, arn, settings })))
}

fn arn_of(cx: &StepContext, name: &str) -> Arn {
    format!("arn:{}:s3:::{name}", cx.region.partition()).into()
}

/// Returns whether this account has a bucket of this name.
async fn is_in_account(cx: &StepContext, name: &str) -> Result<bool> {
    let mut token = None;
    loop {
        let page = cx
            .read("s3:ListBuckets", cx.aws.s3.list_buckets().prefix(name).set_continuation_token(token).send())
            .await?;
        if page.buckets().iter().any(|bucket| bucket.name() == Some(name)) {
            return Ok(true);
        }
        match page.continuation_token {
            Some(next) => token = Some(next),
            None => return Ok(false),
        }
    }
}
