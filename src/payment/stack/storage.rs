//! The buckets of an environment.

use super::builder::Builder;
use infra_core::resource::Handle;
use infra_kinds::s3::{Bucket, Lifecycle};

/// A bucket.
pub(super) struct Storage {
    pub(super) role: String,
    pub(super) bucket: Handle<Bucket>,
}

/// Adds each bucket that the environment lists.
pub(super) fn add(builder: &mut Builder<'_>) -> Vec<Storage> {
    let roles = builder.config.buckets.clone();
    let storage = builder.config.storage.clone();
    let bucket = |role: &String| {
        let spec = Bucket {
            name: builder.names.bucket(role),
            // S3 replication requires versioning on both sides.
            versioned: true,
            kms_key: builder.config.encryption.key(),
            tls_only: true,
            block_public_access: storage.block_public_access,
            lifecycle: Some(Lifecycle {
                noncurrent_to_glacier_days: storage.noncurrent_to_glacier_days,
                noncurrent_expire_days: storage.noncurrent_expire_days,
                abort_multipart_days: storage.abort_upload_days,
            }),
            empty_on_delete: storage.empty_on_down,
        };
        Storage { role: role.clone(), bucket: builder.add(&format!("storage-{role}"), "bucket", &spec) }
    };
    roles.iter().map(bucket).collect()
}
