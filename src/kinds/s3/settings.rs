//! The settings of a bucket: reading and applying them.

use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketLifecycleConfiguration, BucketVersioningStatus, ExpirationStatus,
    LifecycleRule, LifecycleRuleFilter, NoncurrentVersionExpiration, NoncurrentVersionTransition, ObjectOwnership,
    OwnershipControls, OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption,
    ServerSideEncryptionByDefault, ServerSideEncryptionConfiguration, ServerSideEncryptionRule, TransitionStorageClass,
    VersioningConfiguration,
};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::error::operation::BuildError;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::iam::document::canonical;
use infra_core::resource::{Error, Result, StepContext, ignore_codes};

/// The name of the lifecycle rule.
const RULE: &str = "old-versions";
/// The name of the statement in the bucket's policy.
const TLS_ONLY: &str = "TlsOnly";
/// "OperationAborted: A conflicting conditional operation is currently in progress against this resource. Try again."
const BUSY: &[&str] = &["OperationAborted"];

/// The settings of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Whether it keeps old versions.
    pub versioned: bool,
    /// Its encryption.
    pub encryption: Encryption,
    /// Whether it can never be made public.
    pub block_public_access: bool,
    /// Whether all objects belong to the bucket's owner and access lists are off.
    pub owner_enforced: bool,
    /// Whether it refuses unencrypted connections.
    pub tls_only: bool,
    /// The lifecycle of old versions.
    pub lifecycle: SeenLifecycle,
}

/// The encryption of a bucket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Encryption {
    /// Nothing.
    None,
    /// S3's own keys.
    S3,
    /// This KMS key.
    Kms(String),
}

/// The lifecycle of old versions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lifecycle {
    /// Days until an old version moves to Glacier.
    pub noncurrent_to_glacier_days: i32,
    /// Days until an old version is deleted.
    pub noncurrent_expire_days: i32,
    /// Days until an upload that was never finished is discarded.
    pub abort_multipart_days: i32,
}

/// The lifecycle as S3 shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum SeenLifecycle {
    /// There is none.
    None,
    /// Only the rule of this tool, with these values.
    Ours(Lifecycle),
    /// Other rules.
    Other,
}

/// Makes a change, and repeats it while S3 is busy with an earlier one.
pub(super) async fn change<T, E, Fut>(
    cx: &StepContext,
    call: &'static str,
    send: impl Fn() -> Fut + Send + Sync,
) -> Result<T>
where
    T: Send,
    E: ProvideErrorMetadata + std::error::Error + Send + 'static,
    Fut: Future<Output = Result<T, SdkError<E, HttpResponse>>> + Send,
{
    cx.retry("S3 to finish an earlier change", BUSY, 120, || cx.mutate(call, &send)).await
}

/// Converts the error of a builder, which fails when a required member is not set. The callers here always set it.
pub(super) fn built<T>(result: Result<T, BuildError>) -> Result<T> {
    result.map_err(|error| Error::Refused(format!("a request to S3 is incomplete: {error}")))
}

/// Reads the settings of a bucket.
pub(super) async fn read(cx: &StepContext, bucket: &str) -> Result<Settings> {
    let (versioned, encryption, block_public_access, owner_enforced, policy, lifecycle) = tokio::try_join!(
        versioned(cx, bucket),
        encryption(cx, bucket),
        public_access_blocked(cx, bucket),
        owner_enforced(cx, bucket),
        policy(cx, bucket),
        lifecycle(cx, bucket),
    )?;
    let statement = canonical(tls_only(cx, bucket));
    let tls_only = statements(policy).into_iter().any(|found| canonical(found) == statement);
    Ok(Settings { versioned, encryption, block_public_access, owner_enforced, tls_only, lifecycle })
}

async fn versioned(cx: &StepContext, bucket: &str) -> Result<bool> {
    let call = cx.aws.s3.get_bucket_versioning().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    Ok(cx.read("s3:GetBucketVersioning", call).await?.status() == Some(&BucketVersioningStatus::Enabled))
}

async fn encryption(cx: &StepContext, bucket: &str) -> Result<Encryption> {
    let call = cx.aws.s3.get_bucket_encryption().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    let found = ignore_codes(
        cx.read("s3:GetBucketEncryption", call).await,
        &["ServerSideEncryptionConfigurationNotFoundError"],
    )?;
    let configuration = found.and_then(|found| found.server_side_encryption_configuration);
    let default = configuration
        .and_then(|configuration| configuration.rules.into_iter().next()?.apply_server_side_encryption_by_default);
    Ok(match default {
        None => Encryption::None,
        Some(default) if default.sse_algorithm == ServerSideEncryption::Aes256 => Encryption::S3,
        // Without a key, S3 uses the account's `aws/s3` key.
        Some(default) => Encryption::Kms(default.kms_master_key_id.unwrap_or_else(|| "alias/aws/s3".to_owned())),
    })
}

async fn public_access_blocked(cx: &StepContext, bucket: &str) -> Result<bool> {
    let call = cx.aws.s3.get_public_access_block().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    let found =
        ignore_codes(cx.read("s3:GetPublicAccessBlock", call).await, &["NoSuchPublicAccessBlockConfiguration"])?;
    let all = |block: PublicAccessBlockConfiguration| {
        let parts = [
            block.block_public_acls,
            block.ignore_public_acls,
            block.block_public_policy,
            block.restrict_public_buckets,
        ];
        parts.into_iter().all(|part| part == Some(true))
    };
    Ok(found.and_then(|found| found.public_access_block_configuration).is_some_and(all))
}

async fn owner_enforced(cx: &StepContext, bucket: &str) -> Result<bool> {
    let call =
        cx.aws.s3.get_bucket_ownership_controls().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    let found =
        ignore_codes(cx.read("s3:GetBucketOwnershipControls", call).await, &["OwnershipControlsNotFoundError"])?;
    let rules = found.and_then(|found| found.ownership_controls).map(|controls| controls.rules).unwrap_or_default();
    Ok(rules.iter().any(|rule| rule.object_ownership == ObjectOwnership::BucketOwnerEnforced))
}

pub(super) async fn policy(cx: &StepContext, bucket: &str) -> Result<Value> {
    let call = cx.aws.s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    let found = ignore_codes(cx.read("s3:GetBucketPolicy", call).await, &["NoSuchBucketPolicy"])?;
    Ok(found.and_then(|found| serde_json::from_str(found.policy()?).ok()).unwrap_or(Value::Null))
}

pub(super) fn statements(policy: Value) -> Vec<Value> {
    match policy {
        Value::Object(mut fields) => match fields.remove("Statement") {
            Some(Value::Array(several)) => several,
            Some(one) => vec![one],
            None => Vec::new(),
        },
        _ => Vec::new(),
    }
}

async fn lifecycle(cx: &StepContext, bucket: &str) -> Result<SeenLifecycle> {
    let call =
        cx.aws.s3.get_bucket_lifecycle_configuration().bucket(bucket).expected_bucket_owner(cx.account.as_str()).send();
    let found =
        ignore_codes(cx.read("s3:GetBucketLifecycleConfiguration", call).await, &["NoSuchLifecycleConfiguration"])?;
    let rules = found.and_then(|found| found.rules).unwrap_or_default();
    Ok(match rules.as_slice() {
        [] => SeenLifecycle::None,
        [rule] => values(rule).map_or(SeenLifecycle::Other, SeenLifecycle::Ours),
        _ => SeenLifecycle::Other,
    })
}

/// Reads the values of the rule.
fn values(rule: &LifecycleRule) -> Option<Lifecycle> {
    let is_ours = rule.id() == Some(RULE)
        && rule.status == ExpirationStatus::Enabled
        && rule.expiration.is_none()
        && rule.transitions().is_empty();
    let [transition] = rule.noncurrent_version_transitions() else { return None };
    let is_for_all = |filter: &LifecycleRuleFilter| {
        filter.prefix().is_none_or(str::is_empty) && filter.tag().is_none() && filter.and().is_none()
    };
    (is_ours
        && rule.filter().is_none_or(is_for_all)
        && transition.storage_class == Some(TransitionStorageClass::Glacier))
    .then_some(Lifecycle {
        noncurrent_to_glacier_days: transition.noncurrent_days?,
        noncurrent_expire_days: rule.noncurrent_version_expiration.as_ref()?.noncurrent_days?,
        abort_multipart_days: rule.abort_incomplete_multipart_upload.as_ref()?.days_after_initiation?,
    })
}

/// Applies every setting that differs, one after another.
pub(super) async fn apply(cx: &StepContext, bucket: &str, seen: &mut Settings, wanted: &Settings) -> Result<()> {
    let owner = cx.account.as_str();
    if seen.owner_enforced != wanted.owner_enforced {
        let rule =
            built(OwnershipControlsRule::builder().object_ownership(ObjectOwnership::BucketOwnerEnforced).build())?;
        let controls = built(OwnershipControls::builder().rules(rule).build())?;
        let put = || {
            cx.aws
                .s3
                .put_bucket_ownership_controls()
                .bucket(bucket)
                .ownership_controls(controls.clone())
                .expected_bucket_owner(owner)
                .send()
        };
        change(cx, "s3:PutBucketOwnershipControls", put).await?;
        seen.owner_enforced = wanted.owner_enforced;
    }
    if seen.block_public_access != wanted.block_public_access {
        if wanted.block_public_access {
            let all = PublicAccessBlockConfiguration::builder().block_public_acls(true).ignore_public_acls(true);
            let all = all.block_public_policy(true).restrict_public_buckets(true).build();
            let put = || {
                cx.aws
                    .s3
                    .put_public_access_block()
                    .bucket(bucket)
                    .public_access_block_configuration(all.clone())
                    .expected_bucket_owner(owner)
                    .send()
            };
            change(cx, "s3:PutPublicAccessBlock", put).await?;
        } else {
            let delete = || cx.aws.s3.delete_public_access_block().bucket(bucket).expected_bucket_owner(owner).send();
            change(cx, "s3:DeletePublicAccessBlock", delete).await?;
        }
        seen.block_public_access = wanted.block_public_access;
    }
    if !same_encryption(&seen.encryption, &wanted.encryption) {
        let configuration = encryption_configuration(&wanted.encryption)?;
        let put = || {
            let call = cx
                .aws
                .s3
                .put_bucket_encryption()
                .bucket(bucket)
                .server_side_encryption_configuration(configuration.clone());
            call.expected_bucket_owner(owner).send()
        };
        change(cx, "s3:PutBucketEncryption", put).await?;
        seen.encryption = wanted.encryption.clone();
    }
    if seen.versioned != wanted.versioned {
        // Versioning can only be suspended, never turned off.
        let status = if wanted.versioned { BucketVersioningStatus::Enabled } else { BucketVersioningStatus::Suspended };
        let configuration = VersioningConfiguration::builder().status(status).build();
        let put = || {
            cx.aws
                .s3
                .put_bucket_versioning()
                .bucket(bucket)
                .versioning_configuration(configuration.clone())
                .expected_bucket_owner(owner)
                .send()
        };
        change(cx, "s3:PutBucketVersioning", put).await?;
        seen.versioned = wanted.versioned;
    }
    if seen.tls_only != wanted.tls_only {
        put_statement(cx, bucket, TLS_ONLY, (wanted.tls_only).then(|| tls_only(cx, bucket))).await?;
        seen.tls_only = wanted.tls_only;
    }
    apply_lifecycle(cx, bucket, seen, wanted).await
}

fn same_encryption(seen: &Encryption, wanted: &Encryption) -> bool {
    match (seen, wanted) {
        // S3 may show the ARN of a key that was given by its id.
        (Encryption::Kms(seen), Encryption::Kms(wanted)) => seen == wanted || seen.ends_with(&format!("/{wanted}")),
        (seen, wanted) => seen == wanted,
    }
}

fn encryption_configuration(encryption: &Encryption) -> Result<ServerSideEncryptionConfiguration> {
    let (default, with_key) = match encryption {
        Encryption::Kms(key) => (
            ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::AwsKms).kms_master_key_id(key),
            true,
        ),
        Encryption::S3 | Encryption::None => {
            (ServerSideEncryptionByDefault::builder().sse_algorithm(ServerSideEncryption::Aes256), false)
        }
    };
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(built(default.build())?)
        .bucket_key_enabled(with_key)
        .build();
    built(ServerSideEncryptionConfiguration::builder().rules(rule).build())
}

/// Returns the policy statement that refuses unencrypted connections (S3 User Guide, "Security best practices").
fn tls_only(cx: &StepContext, bucket: &str) -> Value {
    let arn = format!("arn:{}:s3:::{bucket}", cx.region.partition());
    json!({
        "Sid": TLS_ONLY, "Effect": "Deny", "Principal": "*", "Action": "s3:*", "Resource": [&arn, format!("{arn}/*")],
        "Condition": { "Bool": { "aws:SecureTransport": "false" } },
    })
}

/// Adds a statement to the policy, or removes the one with its name. Other statements stay.
pub(super) async fn put_statement(cx: &StepContext, bucket: &str, sid: &str, wanted: Option<Value>) -> Result<()> {
    let owner = cx.account.as_str();
    let mut statements = statements(policy(cx, bucket).await?);
    statements.retain(|statement| statement.get("Sid").and_then(Value::as_str) != Some(sid));
    statements.extend(wanted);
    if statements.is_empty() {
        let delete = || cx.aws.s3.delete_bucket_policy().bucket(bucket).expected_bucket_owner(owner).send();
        return change(cx, "s3:DeleteBucketPolicy", delete).await.map(drop);
    }
    let policy = json!({ "Version": "2012-10-17", "Statement": statements }).to_string();
    let put = || cx.aws.s3.put_bucket_policy().bucket(bucket).policy(&policy).expected_bucket_owner(owner).send();
    change(cx, "s3:PutBucketPolicy", put).await.map(drop)
}

async fn apply_lifecycle(cx: &StepContext, bucket: &str, seen: &mut Settings, wanted: &Settings) -> Result<()> {
    let owner = cx.account.as_str();
    match (&wanted.lifecycle, &seen.lifecycle) {
        (wanted, seen) if wanted == seen => return Ok(()),
        (SeenLifecycle::Ours(values), _) => {
            let configuration = lifecycle_configuration(values)?;
            let put = || {
                let call = cx
                    .aws
                    .s3
                    .put_bucket_lifecycle_configuration()
                    .bucket(bucket)
                    .lifecycle_configuration(configuration.clone());
                call.expected_bucket_owner(owner).send()
            };
            change(cx, "s3:PutBucketLifecycleConfiguration", put).await?;
        }
        (_, SeenLifecycle::Ours(_)) => {
            let delete = || cx.aws.s3.delete_bucket_lifecycle().bucket(bucket).expected_bucket_owner(owner).send();
            change(cx, "s3:DeleteBucketLifecycle", delete).await?;
        }
        // None is wanted, and the existing ones are foreign.
        _ => return Ok(()),
    }
    seen.lifecycle = wanted.lifecycle.clone();
    Ok(())
}

fn lifecycle_configuration(values: &Lifecycle) -> Result<BucketLifecycleConfiguration> {
    let transition = NoncurrentVersionTransition::builder().noncurrent_days(values.noncurrent_to_glacier_days);
    let transition = transition.storage_class(TransitionStorageClass::Glacier).build();
    let expiration = NoncurrentVersionExpiration::builder().noncurrent_days(values.noncurrent_expire_days).build();
    let abort = AbortIncompleteMultipartUpload::builder().days_after_initiation(values.abort_multipart_days).build();
    let rule = LifecycleRule::builder()
        .id(RULE)
        .status(ExpirationStatus::Enabled)
        .filter(LifecycleRuleFilter::builder().prefix("").build());
    let rule = rule
        .noncurrent_version_transitions(transition)
        .noncurrent_version_expiration(expiration)
        .abort_incomplete_multipart_upload(abort);
    built(BucketLifecycleConfiguration::builder().rules(built(rule.build())?).build())
}
