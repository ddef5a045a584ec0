//! `[storage]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The settings of the buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Days after which a noncurrent version of an object is moved to Glacier. Must be less than
    /// `noncurrent_expire_days`.
    #[schemars(range(min = 1, max = 36500))]
    pub noncurrent_to_glacier_days: i32,
    /// Days after which a noncurrent version of an object is deleted.
    #[schemars(range(min = 2, max = 36500))]
    pub noncurrent_expire_days: i32,
    /// Days after which an incomplete multipart upload is aborted.
    #[schemars(range(min = 1, max = 365))]
    pub abort_upload_days: i32,
    /// Whether S3 blocks all public access. The policy `public-exposure` rejects false, unless there is an exception.
    pub block_public_access: bool,
    /// Whether `down` deletes the objects in the buckets. If false, `down` refuses to delete a bucket that contains
    /// objects.
    pub empty_on_down: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self {
            noncurrent_to_glacier_days: 90,
            noncurrent_expire_days: 365,
            abort_upload_days: 7,
            block_public_access: true,
            empty_on_down: false,
        }
    }
}
