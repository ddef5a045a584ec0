//! Versions of objects: listing and deleting them.

use std::collections::VecDeque;

use aws_sdk_s3::operation::delete_objects::{DeleteObjectsError, DeleteObjectsInput, DeleteObjectsOutput};
use aws_sdk_s3::operation::list_object_versions::{
    ListObjectVersionsError, ListObjectVersionsInput, ListObjectVersionsOutput,
};
use aws_sdk_s3::types::{DeleteMarkerEntry, DeletedObject, Error as RefusedObject, ObjectVersion as SdkVersion};

use super::lookup::find;
use crate::registry::{Call, Registry, Rejection, refuse};
use crate::world::s3::ObjectVersion;

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
    let is_passed = |version: &ObjectVersion| match (input.key_marker(), input.version_id_marker()) {
        (Some(after), Some(version_after)) => place(version) <= (after, version_after),
        (Some(after), None) => version.key.as_str() <= after,
        _ => false,
    };
    let prefix = input.prefix().unwrap_or_default();
    let size = input.max_keys().and_then(|keys| usize::try_from(keys).ok()).unwrap_or(PAGE).min(PAGE);
    let first = bucket.versions.partition_point(is_passed);
    let rest = bucket.versions.range(first..).filter(|version| version.key.starts_with(prefix));
    // One more than a page shows whether there is another one.
    let rest: Vec<_> = rest.take(size + 1).collect();
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
                SdkVersion::builder().key(&version.key).version_id(&version.version_id).is_latest(is_latest).build(),
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
    let stay = call.world.timeline().at(call.world.now).objects_stay();
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
    // "A list of keys that couldn't be deleted, with a reason": the answer itself succeeds.
    let refusal = |key: &str| {
        let name = format!("{}/{key}", bucket.name);
        stay.iter().find(|(pattern, _)| pattern.matches(&name)).map(|(_, code)| code.as_str())
    };
    let mut answer = DeleteObjectsOutput::builder();
    let mut deleted = Vec::new();
    for object in to_delete.objects() {
        if let Some(code) = refusal(object.key()) {
            let error = RefusedObject::builder().key(object.key()).set_version_id(object.version_id.clone()).code(code);
            answer = answer.errors(error.message("The object was not deleted.").build());
        } else {
            deleted.push(object);
        }
    }
    let mut named: Vec<(&str, &str)> =
        deleted.iter().filter_map(|object| Some((object.key(), object.version_id()?))).collect();
    named.sort_unstable();
    remove(&mut bucket.versions, &named);
    for object in deleted {
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

fn place(version: &ObjectVersion) -> (&str, &str) {
    (&version.key, &version.version_id)
}

/// Removes the versions with these keys and ids, which are sorted, as the versions are. A version that does not exist
/// counts as deleted.
fn remove(versions: &mut VecDeque<ObjectVersion>, named: &[(&str, &str)]) {
    let (Some(first), Some(last)) = (named.first(), named.last()) else { return };
    let from = versions.partition_point(|version| place(version) < *first);
    let to = versions.partition_point(|version| place(version) <= *last);
    let others = versions.range(from..to).filter(|version| named.binary_search(&place(version)).is_err());
    let kept: Vec<ObjectVersion> = others.cloned().collect();
    versions.drain(from..to);
    for (offset, version) in kept.into_iter().enumerate() {
        versions.insert(from + offset, version);
    }
}
