//! Amazon S3: buckets, their settings, and what is in them.

mod buckets;
mod contents;
mod objects;
mod replication;
mod settings;

use super::registry::{Call, Registry, Rejection, refuse};
use super::world::s3::Bucket;

pub(super) fn register(registry: &mut Registry) {
    buckets::register(registry);
    settings::register(registry);
    objects::register(registry);
    contents::register(registry);
    replication::register(registry);
}

/// Finds a bucket or refuses. `owner` is the account that the caller expects to own it.
fn find<'a>(call: &'a mut Call<'_>, name: Option<&str>, owner: Option<&str>) -> Result<&'a mut Bucket, Rejection> {
    let (region, account, name) = (call.region.clone(), call.account(), name.unwrap_or_default());
    let Some(bucket) = call.world.s3.buckets.get_mut(name) else {
        return refuse("NoSuchBucket", "The specified bucket does not exist");
    };
    // "If the account ID that you provide does not match the actual owner of the bucket, the request fails with the HTTP
    // status code 403 Forbidden (access denied)."
    if bucket.owner != account || owner.is_some_and(|owner| owner != bucket.owner) {
        return refuse("AccessDenied", "Access Denied");
    }
    if bucket.region != region.as_str() {
        return refuse("PermanentRedirect", "The bucket you are attempting to access must be addressed using the specified endpoint.");
    }
    Ok(bucket)
}
