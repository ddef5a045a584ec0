//! Versions of objects: listing and deleting them.

use std::collections::HashSet;

use aws_sdk_s3::operation::delete_objects::{DeleteObjectsError, DeleteObjectsInput, DeleteObjectsOutput};
use aws_sdk_s3::operation::list_object_versions::{
    ListObjectVersionsError, ListObjectVersionsInput, ListObjectVersionsOutput,
};
use aws_sdk_s3::types::{DeleteMarkerEntry, DeletedObject, ObjectVersion};

use super::lookup::find;
use crate::registry::{Call, Registry, Rejection, refuse};

/// "Returns up to 1000 versions" (ListObjectVersions); "The request can contain a list of up to 1,000 keys"
/// (DeleteObjects).
const PAGE: usize = 1000;

pub(super) fn register(registry: &mut Registry) {
    let fields = &["bucket", "expected_bucket_owner", "key_marker", "version_id_marker", "prefix", "max_keys"];
    registry.on("s3", "ListObjectVersions", fields, ListObjectVersionsError::generic, list_versions);
    registry.on(
        "s3",
        "DeleteObjects",
        &["bucket", "expected_bucket_owner", "delete", "checksum_algorithm"],
        DeleteObjectsError::generic,
        delete,
    );
}

fn list_versions(call: &mut Call<'_>, input: &ListObjectVersionsInput) -> Result<ListObjectVersionsOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    if input.version_id_marker().is_some() && input.key_marker().is_none() {
        return refuse("InvalidArgument", "A version-id marker cannot be specified without a key marker.");
    }
    let is_after = |key: &str, version: &str| match (input.key_marker(), input.version_id_marker()) {
        (Some(after), Some(version_after)) => (key, version) > (after, version_after),
        (Some(after), None) => key > after,
        _ => true,
    };
    let prefix = input.prefix().unwrap_or_default();
    let size = input.max_keys().and_then(|keys| usize::try_from(keys).ok()).unwrap_or(PAGE).min(PAGE);
    let rest: Vec<_> = bucket
        .versions
        .iter()
        .filter(|version| version.key.starts_with(prefix) && is_after(&version.key, &version.version_id))
        .collect();
    let mut answer = ListObjectVersionsOutput::builder().name(&bucket.name).is_truncated(rest.len() > size);
    let mut before = None;
    for version in rest.iter().take(size) {
        // The newest version of a key comes first.
        let is_latest = before != Some(&version.key);
        before = Some(&version.key);
        answer = if version.delete_marker {
            answer.delete_markers(
                DeleteMarkerEntry::builder()
                    .key(&version.key)
                    .version_id(&version.version_id)
                    .is_latest(is_latest)
                    .build(),
            )
        } else {
            answer.versions(
                ObjectVersion::builder().key(&version.key).version_id(&version.version_id).is_latest(is_latest).build(),
            )
        };
    }
    if rest.len() > size
        && let Some(last) = rest.get(size.saturating_sub(1))
    {
        answer = answer.next_key_marker(&last.key).next_version_id_marker(&last.version_id);
    }
    Ok(answer.build())
}

fn delete(call: &mut Call<'_>, input: &DeleteObjectsInput) -> Result<DeleteObjectsOutput, Rejection> {
    let bucket = find(call, input.bucket(), input.expected_bucket_owner())?;
    let Some(to_delete) = input.delete() else { return refuse("MissingRequestBodyError", "Request body is empty.") };
    // "The XML you provided was not well-formed or did not validate against our published schema": no objects, or too
    // many.
    if !(1..=PAGE).contains(&to_delete.objects().len()) {
        return refuse(
            "MalformedXML",
            "The XML you provided was not well-formed or did not validate against our published schema",
        );
    }
    // A version that does not exist counts as deleted.
    let named: HashSet<(&str, &str)> =
        to_delete.objects().iter().filter_map(|object| Some((object.key(), object.version_id()?))).collect();
    bucket.versions.retain(|version| !named.contains(&(version.key.as_str(), version.version_id.as_str())));
    let mut answer = DeleteObjectsOutput::builder();
    for object in to_delete.objects() {
        if object.version_id().is_none() {
            bucket.delete(object.key());
        }
        if to_delete.quiet() != Some(true) {
            answer = answer.deleted(
                DeletedObject::builder()
                    .key(object.key())
                    .set_version_id(object.version_id().map(str::to_owned))
                    .build(),
            );
        }
    }
    Ok(answer.build())
}
