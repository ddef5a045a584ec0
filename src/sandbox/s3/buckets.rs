//! Creation, lookup, tagging and deletion of buckets.

use aws_sdk_s3::operation::create_bucket::{CreateBucketError, CreateBucketInput, CreateBucketOutput};
use aws_sdk_s3::operation::delete_bucket::{DeleteBucketError, DeleteBucketInput, DeleteBucketOutput};
use aws_sdk_s3::operation::get_bucket_tagging::{GetBucketTaggingError, GetBucketTaggingInput, GetBucketTaggingOutput};
use aws_sdk_s3::operation::head_bucket::{HeadBucketError, HeadBucketInput, HeadBucketOutput};
use aws_sdk_s3::operation::list_buckets::{ListBucketsError, ListBucketsInput, ListBucketsOutput};
use aws_sdk_s3::operation::put_bucket_tagging::{PutBucketTaggingError, PutBucketTaggingInput, PutBucketTaggingOutput};
use aws_sdk_s3::types::Tag;

use super::lookup::find;
use crate::quotas;
use crate::registry::{Call, Registry, Rejection, built, refuse};
use crate::world::s3::Bucket;
use crate::world::tags::Tags;

pub(super) fn register(registry: &mut Registry) {
    registry.on(
        "s3",
        "CreateBucket",
        &["bucket", "create_bucket_configuration", "object_ownership"],
        CreateBucketError::generic,
        create,
    );
    registry.on("s3", "HeadBucket", &["bucket", "expected_bucket_owner"], HeadBucketError::generic, head);
    registry.on("s3", "ListBuckets", &["prefix"], ListBucketsError::generic, list);
    registry.on(
        "s3",
        "GetBucketTagging",
        &["bucket", "expected_bucket_owner"],
        GetBucketTaggingError::generic,
        get_tags,
    );
    registry.on(
        "s3",
        "PutBucketTagging",
        &["bucket", "tagging", "expected_bucket_owner"],
        PutBucketTaggingError::generic,
        put_tags,
    );
    registry.on("s3", "DeleteBucket", &["bucket", "expected_bucket_owner"], DeleteBucketError::generic, delete);
}

/// "General purpose bucket naming rules" in the S3 User Guide.
fn is_bucket_name(name: &str) -> bool {
    let bytes = name.as_bytes();
    let ends = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let inside = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
    (3..=63).contains(&name.len())
        && bytes.iter().all(inside)
        && ends(bytes.first())
        && ends(bytes.last())
        && !name.contains("..")
        && name.parse::<std::net::Ipv4Addr>().is_err()
        && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|prefix| name.starts_with(prefix))
        && !["-s3alias", "--ol-s3", ".mrap", "--x-s3"].iter().any(|suffix| name.ends_with(suffix))
}

fn create(call: &mut Call<'_>, input: &CreateBucketInput) -> Result<CreateBucketOutput, Rejection> {
    let name = input.bucket().unwrap_or_default();
    if !is_bucket_name(name) {
        return refuse("InvalidBucketName", "The specified bucket is not valid.");
    }
    let (region, account) = (call.region.as_str().to_owned(), call.account());
    let configuration = input.create_bucket_configuration();
    if configuration.is_some_and(|configuration| configuration.location().is_some() || configuration.bucket().is_some())
    {
        return refuse("SandboxUnknownMember", "the sandbox does not model directory buckets");
    }
    let location = configuration.and_then(|configuration| configuration.location_constraint());
    match location {
        // Without a location, a bucket is created in us-east-1. Only an endpoint of that region accepts such a request.
        None if region == "us-east-1" => {}
        None => {
            return refuse(
                "IllegalLocationConstraintException",
                "The unspecified location constraint is incompatible for the region specific endpoint this request was \
                 sent to.",
            );
        }
        // us-east-1 is not a valid value of `LocationConstraint`.
        Some(location) if location.as_str() == "us-east-1" => {
            return refuse("InvalidLocationConstraint", "The specified location-constraint is not valid");
        }
        Some(location) if location.as_str() == region => {}
        Some(location) => {
            let message = format!(
                "The {} location constraint is incompatible for the region specific endpoint this request was sent to.",
                location.as_str()
            );
            return refuse("IllegalLocationConstraintException", message);
        }
    }
    let tags = read_tags(configuration.map(aws_sdk_s3::types::CreateBucketConfiguration::tags).unwrap_or_default())?;
    let used = call.world.s3.buckets.values().filter(|bucket| bucket.owner == account).count();
    if !call.world.s3.buckets.contains_key(name) {
        quotas::check(call, "buckets", used)?;
    }
    match call.world.s3.buckets.get(name) {
        Some(other) if other.owner != account => {
            return refuse(
                "BucketAlreadyExists",
                "The requested bucket name is not available. The bucket namespace is shared by all users of the \
                 system.",
            );
        }
        // "For legacy compatibility, if you re-create an existing bucket that you already own in us-east-1, Amazon S3
        // returns 200 OK."
        Some(other) if other.region == "us-east-1" && region == "us-east-1" => {
            return Ok(CreateBucketOutput::builder().location(format!("/{name}")).build());
        }
        Some(_) => {
            return refuse(
                "BucketAlreadyOwnedByYou",
                "Your previous request to create the named bucket succeeded and you already own it.",
            );
        }
        None => {}
    }
    let mut bucket = Bucket::new(name, &region, &account);
    bucket.tags = tags;
    if let Some(ownership) = input.object_ownership() {
        bucket.ownership = Some(ownership.as_str().to_owned());
    }
    call.world.s3.buckets.insert(name.to_owned(), bucket);
    Ok(CreateBucketOutput::builder().location(format!("/{name}")).build())
}

fn read_tags(tags: &[Tag]) -> Result<Tags, Rejection> {
    let mut read = Tags::new();
    for tag in tags {
        if tag.key().is_empty() || tag.key().len() > 128 || tag.value().len() > 256 {
            return refuse("InvalidTag", "The TagKey or TagValue you have provided is invalid");
        }
        if read.insert(tag.key().to_owned(), tag.value().to_owned()).is_some() {
            return refuse("InvalidTag", "Cannot provide multiple Tags with the same key");
        }
    }
    // "Each S3 bucket can have a maximum of 50 tags."
    if read.len() > 50 { refuse("BadRequest", "Bucket tag count cannot be greater than 50") } else { Ok(read) }
}

fn head(call: &mut Call<'_>, input: &HeadBucketInput) -> Result<HeadBucketOutput, Rejection> {
    match find(call, input.bucket(), input.expected_bucket_owner()) {
        Ok(bucket) => Ok(HeadBucketOutput::builder().bucket_region(&bucket.region).build()),
        // The response to HEAD has no body; the SDK derives the code from the status 404.
        Err(rejection) if rejection.code == "NoSuchBucket" => refuse("NotFound", "Not Found"),
        Err(rejection) => Err(rejection),
    }
}

/// "Returns a list of all buckets owned by the authenticated sender of the request", in all regions.
fn list(call: &mut Call<'_>, input: &ListBucketsInput) -> Result<ListBucketsOutput, Rejection> {
    let account = call.account();
    let ours = call
        .world
        .s3
        .buckets
        .values()
        .filter(|bucket| bucket.owner == account && bucket.name.starts_with(input.prefix().unwrap_or_default()));
    let described = ours
        .map(|bucket| aws_sdk_s3::types::Bucket::builder().name(&bucket.name).bucket_region(&bucket.region).build())
        .collect();
    Ok(ListBucketsOutput::builder().set_buckets(Some(described)).build())
}

fn get_tags(call: &mut Call<'_>, input: &GetBucketTaggingInput) -> Result<GetBucketTaggingOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    if bucket.tags.is_empty() {
        return refuse("NoSuchTagSet", "The TagSet does not exist");
    }
    let tags = bucket
        .tags
        .iter()
        .map(|(key, value)| built(Tag::builder().key(key).value(value).build()))
        .collect::<Result<Vec<_>, _>>()?;
    built(GetBucketTaggingOutput::builder().set_tag_set(Some(tags)).build())
}

fn put_tags(call: &mut Call<'_>, input: &PutBucketTaggingInput) -> Result<PutBucketTaggingOutput, Rejection> {
    let tags = read_tags(input.tagging().map(aws_sdk_s3::types::Tagging::tag_set).unwrap_or_default())?;
    find(call, input.bucket(), input.expected_bucket_owner())?.tags = tags;
    Ok(PutBucketTaggingOutput::builder().build())
}

fn delete(call: &mut Call<'_>, input: &DeleteBucketInput) -> Result<DeleteBucketOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    // "All objects (including all object versions and delete markers) in the bucket must be deleted before the bucket
    // itself can be deleted."
    if !bucket.versions.is_empty() {
        return refuse(
            "BucketNotEmpty",
            "The bucket you tried to delete is not empty. You must delete all versions in the bucket.",
        );
    }
    let name = bucket.name.clone();
    call.world.s3.buckets.remove(&name);
    Ok(DeleteBucketOutput::builder().build())
}
