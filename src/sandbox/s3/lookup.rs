//! Access to a bucket by its name.

use crate::registry::{Call, Rejection, refuse};
use crate::world::s3::Bucket;

/// Finds a bucket, or rejects the call. `owner` is the account that the caller expects to own it.
pub(super) fn find<'a>(
    call: &'a mut Call<'_>,
    name: Option<&str>,
    owner: Option<&str>,
) -> Result<&'a mut Bucket, Rejection> {
    let (region, account, name) = (call.region.clone(), call.account(), name.unwrap_or_default());
    let Some(bucket) = call.world.s3.buckets.get_mut(name) else {
        return refuse("NoSuchBucket", "The specified bucket does not exist");
    };
    // "If the account ID that you provide does not match the actual owner of the bucket, the request fails with the
    // HTTP status code 403 Forbidden (access denied)."
    if bucket.owner != account || owner.is_some_and(|owner| owner != bucket.owner) {
        return refuse("AccessDenied", "Access Denied");
    }
    if bucket.region != region.as_str() {
        return refuse(
            "PermanentRedirect",
            "The bucket you are attempting to access must be addressed using the specified endpoint.",
        );
    }
    Ok(bucket)
}
