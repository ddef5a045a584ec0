//! `[storage]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Buckets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Storage {
    /// Days after which an old version of an object goes to Glacier.
    #[schemars(range(min = 1, max = 36500))]
    pub noncurrent_to_glacier_days: i32,
    /// Days after which an old version of an object is deleted.
    #[schemars(range(min = 2, max = 36500))]
    pub noncurrent_expire_days: i32,
    /// Days after which an incomplete upload is aborted.
    #[schemars(range(min = 1, max = 365))]
    pub abort_upload_days: i32,
    /// Whether every way to make a bucket public is blocked. The policy `public-exposure` refuses false unless it has an exception.
    pub block_public_access: bool,
    /// Whether `down` deletes what is in the buckets. When false, `down` refuses to delete a bucket that is not empty.
    pub empty_on_down: bool,
}

impl Default for Storage {
    fn default() -> Self {
        Self { noncurrent_to_glacier_days: 90, noncurrent_expire_days: 365, abort_upload_days: 7, block_public_access: true, empty_on_down: false }
    }
}
