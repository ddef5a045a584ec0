//! The settings of a bucket.

use aws_sdk_s3::operation::delete_bucket_lifecycle::{
    DeleteBucketLifecycleError, DeleteBucketLifecycleInput, DeleteBucketLifecycleOutput,
};
use aws_sdk_s3::operation::delete_bucket_policy::{
    DeleteBucketPolicyError, DeleteBucketPolicyInput, DeleteBucketPolicyOutput,
};
use aws_sdk_s3::operation::delete_public_access_block::{
    DeletePublicAccessBlockError, DeletePublicAccessBlockInput, DeletePublicAccessBlockOutput,
};
use aws_sdk_s3::operation::get_bucket_encryption::{
    GetBucketEncryptionError, GetBucketEncryptionInput, GetBucketEncryptionOutput,
};
use aws_sdk_s3::operation::get_bucket_lifecycle_configuration::{
    GetBucketLifecycleConfigurationError, GetBucketLifecycleConfigurationInput, GetBucketLifecycleConfigurationOutput,
};
use aws_sdk_s3::operation::get_bucket_ownership_controls::{
    GetBucketOwnershipControlsError, GetBucketOwnershipControlsInput, GetBucketOwnershipControlsOutput,
};
use aws_sdk_s3::operation::get_bucket_policy::{GetBucketPolicyError, GetBucketPolicyInput, GetBucketPolicyOutput};
use aws_sdk_s3::operation::get_bucket_versioning::{
    GetBucketVersioningError, GetBucketVersioningInput, GetBucketVersioningOutput,
};
use aws_sdk_s3::operation::get_public_access_block::{
    GetPublicAccessBlockError, GetPublicAccessBlockInput, GetPublicAccessBlockOutput,
};
use aws_sdk_s3::operation::put_bucket_encryption::{
    PutBucketEncryptionError, PutBucketEncryptionInput, PutBucketEncryptionOutput,
};
use aws_sdk_s3::operation::put_bucket_lifecycle_configuration::{
    PutBucketLifecycleConfigurationError, PutBucketLifecycleConfigurationInput, PutBucketLifecycleConfigurationOutput,
};
use aws_sdk_s3::operation::put_bucket_ownership_controls::{
    PutBucketOwnershipControlsError, PutBucketOwnershipControlsInput, PutBucketOwnershipControlsOutput,
};
use aws_sdk_s3::operation::put_bucket_policy::{PutBucketPolicyError, PutBucketPolicyInput, PutBucketPolicyOutput};
use aws_sdk_s3::operation::put_bucket_versioning::{
    PutBucketVersioningError, PutBucketVersioningInput, PutBucketVersioningOutput,
};
use aws_sdk_s3::operation::put_public_access_block::{
    PutPublicAccessBlockError, PutPublicAccessBlockInput, PutPublicAccessBlockOutput,
};
use aws_sdk_s3::types::{
    AbortIncompleteMultipartUpload, BucketVersioningStatus, ExpirationStatus, LifecycleRuleFilter,
    NoncurrentVersionExpiration, NoncurrentVersionTransition, ObjectOwnership, OwnershipControls,
    OwnershipControlsRule, PublicAccessBlockConfiguration, ServerSideEncryption, ServerSideEncryptionByDefault,
    ServerSideEncryptionConfiguration, ServerSideEncryptionRule, TransitionStorageClass,
};
use serde_json::Value;

use super::lookup::find;
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::s3::LifecycleRule;

const BUCKET_FIELDS: &[&str] = &["bucket", "expected_bucket_owner"];

pub(super) fn register(registry: &mut Registry) {
    registry.on("s3", "GetBucketVersioning", BUCKET_FIELDS, GetBucketVersioningError::generic, get_versioning);
    registry.on(
        "s3",
        "PutBucketVersioning",
        &["bucket", "expected_bucket_owner", "versioning_configuration"],
        PutBucketVersioningError::generic,
        put_versioning,
    );
    registry.on("s3", "GetBucketEncryption", BUCKET_FIELDS, GetBucketEncryptionError::generic, get_encryption);
    let fields = &["bucket", "expected_bucket_owner", "server_side_encryption_configuration"];
    registry.on("s3", "PutBucketEncryption", fields, PutBucketEncryptionError::generic, put_encryption);
    registry.on("s3", "GetPublicAccessBlock", BUCKET_FIELDS, GetPublicAccessBlockError::generic, get_block);
    let fields = &["bucket", "expected_bucket_owner", "public_access_block_configuration"];
    registry.on("s3", "PutPublicAccessBlock", fields, PutPublicAccessBlockError::generic, put_block);
    registry.on("s3", "DeletePublicAccessBlock", BUCKET_FIELDS, DeletePublicAccessBlockError::generic, delete_block);
    registry.on(
        "s3",
        "GetBucketOwnershipControls",
        BUCKET_FIELDS,
        GetBucketOwnershipControlsError::generic,
        get_ownership,
    );
    let fields = &["bucket", "expected_bucket_owner", "ownership_controls"];
    registry.on("s3", "PutBucketOwnershipControls", fields, PutBucketOwnershipControlsError::generic, put_ownership);
    registry.on("s3", "GetBucketPolicy", BUCKET_FIELDS, GetBucketPolicyError::generic, get_policy);
    registry.on(
        "s3",
        "PutBucketPolicy",
        &["bucket", "expected_bucket_owner", "policy"],
        PutBucketPolicyError::generic,
        put_policy,
    );
    registry.on("s3", "DeleteBucketPolicy", BUCKET_FIELDS, DeleteBucketPolicyError::generic, delete_policy);
    registry.on(
        "s3",
        "GetBucketLifecycleConfiguration",
        BUCKET_FIELDS,
        GetBucketLifecycleConfigurationError::generic,
        get_lifecycle,
    );
    let fields = &["bucket", "expected_bucket_owner", "lifecycle_configuration"];
    registry.on(
        "s3",
        "PutBucketLifecycleConfiguration",
        fields,
        PutBucketLifecycleConfigurationError::generic,
        put_lifecycle,
    );
    registry.on("s3", "DeleteBucketLifecycle", BUCKET_FIELDS, DeleteBucketLifecycleError::generic, delete_lifecycle);
}

fn get_versioning(
    call: &mut Call<'_>,
    input: &GetBucketVersioningInput,
) -> Result<GetBucketVersioningOutput, Rejection> {
    let status = find(call, input.bucket(), input.expected_bucket_owner())?.versioning.clone();
    Ok(GetBucketVersioningOutput::builder()
        .set_status(status.map(|status| BucketVersioningStatus::from(status.as_str())))
        .build())
}

fn put_versioning(
    call: &mut Call<'_>,
    input: &PutBucketVersioningInput,
) -> Result<PutBucketVersioningOutput, Rejection> {
    let status = input.versioning_configuration().and_then(|configuration| configuration.status());
    let Some(status @ (BucketVersioningStatus::Enabled | BucketVersioningStatus::Suspended)) = status else {
        return refuse("IllegalVersioningConfigurationException", "The Versioning element must be specified");
    };
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    // "InvalidBucketState: A replication configuration is present on this bucket, so the versioning state cannot be
    // changed."
    if bucket.replication.is_some() && *status == BucketVersioningStatus::Suspended {
        return refuse(
            "InvalidBucketState",
            "A replication configuration is present on this bucket, so the versioning state cannot be changed. To \
             change the versioning state, first delete the replication configuration.",
        );
    }
    bucket.versioning = Some(status.as_str().to_owned());
    Ok(PutBucketVersioningOutput::builder().build())
}

/// "Amazon S3 applies server-side encryption with SSE-S3 as the base level of encryption for every bucket": a
/// configuration always exists.
fn get_encryption(
    call: &mut Call<'_>,
    input: &GetBucketEncryptionInput,
) -> Result<GetBucketEncryptionOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let default = ServerSideEncryptionByDefault::builder()
        .sse_algorithm(ServerSideEncryption::from(bucket.sse_algorithm.as_str()));
    let default = built(default.set_kms_master_key_id(bucket.kms_key.clone()).build())?;
    let rule = ServerSideEncryptionRule::builder()
        .apply_server_side_encryption_by_default(default)
        .bucket_key_enabled(bucket.bucket_key)
        .build();
    let configuration = built(ServerSideEncryptionConfiguration::builder().rules(rule).build())?;
    Ok(GetBucketEncryptionOutput::builder().server_side_encryption_configuration(configuration).build())
}

fn put_encryption(
    call: &mut Call<'_>,
    input: &PutBucketEncryptionInput,
) -> Result<PutBucketEncryptionOutput, Rejection> {
    let rules = input
        .server_side_encryption_configuration()
        .map(aws_sdk_s3::types::ServerSideEncryptionConfiguration::rules)
        .unwrap_or_default();
    let [rule] = rules else { return refuse("MalformedXML", "exactly one rule is allowed") };
    let Some(default) = rule.apply_server_side_encryption_by_default() else {
        return refuse("MalformedXML", "a default is required");
    };
    let kms = match default.sse_algorithm() {
        ServerSideEncryption::Aes256 => false,
        ServerSideEncryption::AwsKms => true,
        _ => return refuse("MalformedXML", "the algorithm is not known"),
    };
    // "This parameter is allowed if and only if SSEAlgorithm is set to aws:kms or aws:kms:dsse."
    if !kms && default.kms_master_key_id().is_some() {
        return refuse(
            "InvalidArgument",
            "a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms or aws:kms:dsse",
        );
    }
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    default.sse_algorithm().as_str().clone_into(&mut bucket.sse_algorithm);
    bucket.kms_key = default.kms_master_key_id().map(str::to_owned);
    bucket.bucket_key = rule.bucket_key_enabled().unwrap_or(false);
    Ok(PutBucketEncryptionOutput::builder().build())
}

fn get_block(call: &mut Call<'_>, input: &GetPublicAccessBlockInput) -> Result<GetPublicAccessBlockOutput, Rejection> {
    let Some([acls, ignore, policy, restrict]) =
        find(call, input.bucket(), input.expected_bucket_owner())?.public_access_block
    else {
        return refuse("NoSuchPublicAccessBlockConfiguration", "The public access block configuration was not found");
    };
    let block = PublicAccessBlockConfiguration::builder().block_public_acls(acls).ignore_public_acls(ignore);
    let block = block.block_public_policy(policy).restrict_public_buckets(restrict).build();
    Ok(GetPublicAccessBlockOutput::builder().public_access_block_configuration(block).build())
}

fn put_block(call: &mut Call<'_>, input: &PutPublicAccessBlockInput) -> Result<PutPublicAccessBlockOutput, Rejection> {
    let Some(block) = input.public_access_block_configuration() else {
        return refuse("MalformedXML", "a configuration is required");
    };
    let parts = [
        block.block_public_acls(),
        block.ignore_public_acls(),
        block.block_public_policy(),
        block.restrict_public_buckets(),
    ];
    find(call, input.bucket(), input.expected_bucket_owner())?.public_access_block =
        Some(parts.map(|part| part == Some(true)));
    Ok(PutPublicAccessBlockOutput::builder().build())
}

fn delete_block(
    call: &mut Call<'_>,
    input: &DeletePublicAccessBlockInput,
) -> Result<DeletePublicAccessBlockOutput, Rejection> {
    find(call, input.bucket(), input.expected_bucket_owner())?.public_access_block = None;
    Ok(DeletePublicAccessBlockOutput::builder().build())
}

fn get_ownership(
    call: &mut Call<'_>,
    input: &GetBucketOwnershipControlsInput,
) -> Result<GetBucketOwnershipControlsOutput, Rejection> {
    let Some(ownership) = find(call, input.bucket(), input.expected_bucket_owner())?.ownership.clone() else {
        return refuse("OwnershipControlsNotFoundError", "The bucket ownership controls were not found");
    };
    let rule =
        built(OwnershipControlsRule::builder().object_ownership(ObjectOwnership::from(ownership.as_str())).build())?;
    Ok(GetBucketOwnershipControlsOutput::builder()
        .ownership_controls(built(OwnershipControls::builder().rules(rule).build())?)
        .build())
}

fn put_ownership(
    call: &mut Call<'_>,
    input: &PutBucketOwnershipControlsInput,
) -> Result<PutBucketOwnershipControlsOutput, Rejection> {
    let [rule] = input.ownership_controls().map(aws_sdk_s3::types::OwnershipControls::rules).unwrap_or_default() else {
        return refuse("MalformedXML", "exactly one rule is allowed");
    };
    find(call, input.bucket(), input.expected_bucket_owner())?.ownership =
        Some(rule.object_ownership().as_str().to_owned());
    Ok(PutBucketOwnershipControlsOutput::builder().build())
}

fn get_policy(call: &mut Call<'_>, input: &GetBucketPolicyInput) -> Result<GetBucketPolicyOutput, Rejection> {
    match &find(call, input.bucket(), input.expected_bucket_owner())?.policy {
        Some(policy) => Ok(GetBucketPolicyOutput::builder().policy(policy.to_string()).build()),
        None => refuse("NoSuchBucketPolicy", "The bucket policy does not exist"),
    }
}

fn put_policy(call: &mut Call<'_>, input: &PutBucketPolicyInput) -> Result<PutBucketPolicyOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let Ok(policy) = serde_json::from_str::<Value>(input.policy().unwrap_or_default()) else {
        return refuse("MalformedPolicy", "Policies must be valid JSON and the first byte must be '{'");
    };
    let statements = match policy.get("Statement") {
        Some(Value::Array(several)) if !several.is_empty() => several.clone(),
        _ => return refuse("MalformedPolicy", "Missing required field Statement"),
    };
    for statement in &statements {
        if !["Effect", "Principal", "Action", "Resource"].iter().all(|field| statement.get(field).is_some()) {
            return refuse("MalformedPolicy", "Missing required field");
        }
        // A bucket policy applies to this bucket only.
        let resources = match statement.get("Resource") {
            Some(Value::Array(several)) => several.clone(),
            other => other.cloned().into_iter().collect(),
        };
        let is_in_bucket = |resource: &Value| {
            let name = resource.as_str().and_then(|arn| arn.split_once(":s3:::")).map(|(_, name)| name);
            name.is_some_and(|name| {
                name == bucket.name || name.strip_prefix(bucket.name.as_str()).is_some_and(|rest| rest.starts_with('/'))
            })
        };
        if !resources.iter().all(is_in_bucket) {
            return refuse("MalformedPolicy", "Policy has invalid resource");
        }
        // "Public access is blocked": a statement that allows everybody without a condition makes a bucket public.
        let everybody = statement
            .get("Principal")
            .is_some_and(|principal| principal == "*" || principal.get("AWS").is_some_and(|aws| aws == "*"));
        let opens = statement.get("Effect").is_some_and(|effect| effect == "Allow")
            && everybody
            && statement.get("Condition").is_none();
        if opens && bucket.public_access_block.is_some_and(|[_, _, block_policy, _]| block_policy) {
            return refuse(
                "AccessDenied",
                "public policies are blocked by the BlockPublicPolicy block public access setting",
            );
        }
    }
    bucket.policy = Some(policy);
    Ok(PutBucketPolicyOutput::builder().build())
}

fn delete_policy(call: &mut Call<'_>, input: &DeleteBucketPolicyInput) -> Result<DeleteBucketPolicyOutput, Rejection> {
    find(call, input.bucket(), input.expected_bucket_owner())?.policy = None;
    Ok(DeleteBucketPolicyOutput::builder().build())
}

fn get_lifecycle(
    call: &mut Call<'_>,
    input: &GetBucketLifecycleConfigurationInput,
) -> Result<GetBucketLifecycleConfigurationOutput, Rejection> {
    let rules = &find(call, input.bucket(), input.expected_bucket_owner())?.lifecycle;
    if rules.is_empty() {
        return refuse("NoSuchLifecycleConfiguration", "The lifecycle configuration does not exist");
    }
    let rules = rules.iter().map(rule_to_sdk).collect::<Result<Vec<_>, _>>()?;
    Ok(GetBucketLifecycleConfigurationOutput::builder().set_rules(Some(rules)).build())
}

fn rule_to_sdk(rule: &LifecycleRule) -> Result<aws_sdk_s3::types::LifecycleRule, Rejection> {
    let status = if rule.enabled { ExpirationStatus::Enabled } else { ExpirationStatus::Disabled };
    let transition = |(days, class): &(i32, String)| {
        NoncurrentVersionTransition::builder()
            .noncurrent_days(*days)
            .storage_class(TransitionStorageClass::from(class.as_str()))
            .build()
    };
    let transitions: Vec<_> = rule.noncurrent_transitions.iter().map(transition).collect();
    let expiration =
        rule.noncurrent_expire_days.map(|days| NoncurrentVersionExpiration::builder().noncurrent_days(days).build());
    let abort = rule
        .abort_multipart_days
        .map(|days| AbortIncompleteMultipartUpload::builder().days_after_initiation(days).build());
    let described = aws_sdk_s3::types::LifecycleRule::builder().id(&rule.id).status(status);
    let described = described.filter(LifecycleRuleFilter::builder().prefix(&rule.prefix).build());
    let described = described.set_noncurrent_version_transitions((!transitions.is_empty()).then_some(transitions));
    built(described.set_noncurrent_version_expiration(expiration).set_abort_incomplete_multipart_upload(abort).build())
}

fn put_lifecycle(
    call: &mut Call<'_>,
    input: &PutBucketLifecycleConfigurationInput,
) -> Result<PutBucketLifecycleConfigurationOutput, Rejection> {
    let rules =
        input.lifecycle_configuration().map(aws_sdk_s3::types::BucketLifecycleConfiguration::rules).unwrap_or_default();
    if rules.is_empty() {
        return refuse(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        );
    }
    let rules = rules.iter().map(rule_from_sdk).collect::<Result<Vec<_>, _>>()?;
    find(call, input.bucket(), input.expected_bucket_owner())?.lifecycle = rules;
    Ok(PutBucketLifecycleConfigurationOutput::builder().build())
}

fn rule_from_sdk(rule: &aws_sdk_s3::types::LifecycleRule) -> Result<LifecycleRule, Rejection> {
    let filter = rule.filter();
    let unknown = rule.expiration().is_some()
        || !rule.transitions().is_empty()
        || filter.is_some_and(|filter| {
            filter.tag().is_some() || filter.and().is_some() || filter.object_size_greater_than().is_some()
        })
        || rule
            .noncurrent_version_expiration()
            .is_some_and(|expiration| expiration.newer_noncurrent_versions().is_some());
    if unknown {
        return refuse(
            "SandboxUnknownMember",
            "the sandbox models lifecycle rules for noncurrent versions and incomplete uploads only",
        );
    }
    let transitions: Vec<(i32, String)> = rule
        .noncurrent_version_transitions()
        .iter()
        .map(|transition| {
            (
                transition.noncurrent_days().unwrap_or_default(),
                transition.storage_class().map(|class| class.as_str().to_owned()).unwrap_or_default(),
            )
        })
        .collect();
    let expire =
        rule.noncurrent_version_expiration().and_then(aws_sdk_s3::types::NoncurrentVersionExpiration::noncurrent_days);
    let abort = rule
        .abort_incomplete_multipart_upload()
        .and_then(aws_sdk_s3::types::AbortIncompleteMultipartUpload::days_after_initiation);
    if transitions.is_empty() && expire.is_none() && abort.is_none() {
        return refuse("InvalidRequest", "At least one action needs to be specified in a rule");
    }
    let days = transitions.iter().map(|(days, _)| *days).chain(expire).chain(abort);
    if days.into_iter().any(|days| days < 1) {
        return refuse(
            "InvalidArgument",
            "'NoncurrentDays' for NoncurrentVersionExpiration action must be a positive integer",
        );
    }
    // "'NoncurrentDays' in the NoncurrentVersionExpiration action must be greater than 'NoncurrentDays' in the
    // NoncurrentVersionTransition action."
    if transitions.iter().any(|(days, _)| expire.is_some_and(|expire| expire <= *days)) {
        let message = "'NoncurrentDays' in the NoncurrentVersionExpiration action for filter '(prefix=)' must be \
         greater than 'NoncurrentDays' in the NoncurrentVersionTransition action";
        return refuse("InvalidArgument", message);
    }
    Ok(LifecycleRule {
        id: rule.id().unwrap_or_default().to_owned(),
        enabled: *rule.status() == ExpirationStatus::Enabled,
        prefix: filter.and_then(|filter| filter.prefix()).unwrap_or_default().to_owned(),
        noncurrent_transitions: transitions,
        noncurrent_expire_days: expire,
        abort_multipart_days: abort,
    })
}

fn delete_lifecycle(
    call: &mut Call<'_>,
    input: &DeleteBucketLifecycleInput,
) -> Result<DeleteBucketLifecycleOutput, Rejection> {
    find(call, input.bucket(), input.expected_bucket_owner())?.lifecycle = Vec::new();
    Ok(DeleteBucketLifecycleOutput::builder().build())
}
