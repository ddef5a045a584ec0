//! Objects: reading, conditional writing and listing.

use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectInput, GetObjectOutput};
use aws_sdk_s3::operation::list_objects_v2::{ListObjectsV2Error, ListObjectsV2Input, ListObjectsV2Output};
use aws_sdk_s3::operation::put_object::{PutObjectError, PutObjectInput, PutObjectOutput};
use aws_sdk_s3::primitives::{ByteStream, DateTime};
use aws_sdk_s3::types::{Object as SdkObject, ServerSideEncryption};

use super::lookup::find;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::s3::Object;

/// "By default, the action returns up to 1,000 key names" (ListObjectsV2).
const PAGE: usize = 1000;

pub(super) fn register(registry: &mut Registry) {
    let fields = &[
        "bucket",
        "key",
        "body",
        "if_match",
        "if_none_match",
        "server_side_encryption",
        "ssekms_key_id",
        "content_type",
        "expected_bucket_owner",
    ];
    registry.on_mapped("s3", "PutObject", fields, PutObjectError::generic, PutRequest::of, put);
    registry.on(
        "s3",
        "GetObject",
        &["bucket", "key", "checksum_mode", "expected_bucket_owner"],
        GetObjectError::generic,
        get,
    );
    registry.on(
        "s3",
        "ListObjectsV2",
        &["bucket", "prefix", "continuation_token", "expected_bucket_owner"],
        ListObjectsV2Error::generic,
        list,
    );
}

/// The parts of a `PutObject` request that the model uses.
struct PutRequest {
    bucket: Option<String>,
    owner: Option<String>,
    key: String,
    text: Option<String>,
    if_match: Option<String>,
    if_none_match: bool,
    encryption: Option<ServerSideEncryption>,
}

impl PutRequest {
    fn of(input: &PutObjectInput) -> Self {
        Self {
            bucket: input.bucket.clone(),
            owner: input.expected_bucket_owner.clone(),
            key: input.key.clone().unwrap_or_default(),
            text: input.body.bytes().and_then(|bytes| String::from_utf8(bytes.to_vec()).ok()),
            if_match: input.if_match.as_deref().map(unquoted),
            if_none_match: input.if_none_match.is_some(),
            encryption: input.server_side_encryption.clone(),
        }
    }
}

/// Responses contain ETags with quotes; requests can omit the quotes.
fn unquoted(etag: &str) -> String {
    etag.trim_matches('"').to_owned()
}

fn put(call: &mut Call<'_>, write: &PutRequest) -> Result<PutObjectOutput, Rejection> {
    let (now, etag) = (call.now(), call.new_id("").trim_start_matches('-').to_owned());
    let bucket = find(call, write.bucket.as_deref(), write.owner.as_deref())?;
    let Some(text) = &write.text else {
        return refuse("SandboxUnknownMember", "the sandbox stores only text objects");
    };
    // "Conditional writes" (Amazon S3 user guide).
    let existing = bucket.objects.get(&write.key);
    let differs = |wanted: &str| existing.is_some_and(|object| object.etag != wanted);
    if write.if_match.is_some() && existing.is_none() {
        return refuse("NoSuchKey", "The specified key does not exist.");
    }
    if (write.if_none_match && existing.is_some()) || write.if_match.as_deref().is_some_and(differs) {
        return refuse("PreconditionFailed", "At least one of the pre-conditions you specified did not hold");
    }
    let encryption = write.encryption.clone().unwrap_or_else(|| bucket.sse_algorithm.as_str().into());
    let answer = PutObjectOutput::builder().e_tag(format!("\"{etag}\"")).server_side_encryption(encryption);
    bucket.write(&write.key, Object { text: text.clone(), etag, modified: now });
    Ok(answer.build())
}

fn get(call: &mut Call<'_>, input: &GetObjectInput) -> Result<GetObjectOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let Some(object) = bucket.objects.get(input.key().unwrap_or_default()) else {
        return refuse("NoSuchKey", "The specified key does not exist.");
    };
    let modified = DateTime::from_millis(i64::try_from(object.modified).unwrap_or(i64::MAX));
    let answer = GetObjectOutput::builder().e_tag(format!("\"{}\"", object.etag)).last_modified(modified);
    let answer = answer.server_side_encryption(bucket.sse_algorithm.as_str().into());
    Ok(answer.body(ByteStream::from(object.text.clone().into_bytes())).build())
}

fn list(call: &mut Call<'_>, input: &ListObjectsV2Input) -> Result<ListObjectsV2Output, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let prefix = input.prefix().unwrap_or_default();
    let after = input.continuation_token().unwrap_or_default();
    let keys: Vec<&String> =
        bucket.objects.keys().filter(|key| key.starts_with(prefix) && key.as_str() > after).collect();
    let is_truncated = keys.len() > PAGE;
    let page = &keys[..keys.len().min(PAGE)];
    let objects = page.iter().map(|key| SdkObject::builder().key(*key).build()).collect();
    let next = page.last().filter(|_| is_truncated).map(|key| (*key).clone());
    Ok(ListObjectsV2Output::builder()
        .set_contents(Some(objects))
        .is_truncated(is_truncated)
        .set_next_continuation_token(next)
        .build())
}
