//! `[state]`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state backend: this machine, or a bucket that several users share.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct StateConfig {
    /// `local` stores the state in the directory `--state-dir`. `s3` stores it in a bucket, with a lock for all users;
    /// see docs/shared-state.md. `migrate-infra state migrate` moves a state to the other backend. The sandbox always
    /// stores its state locally.
    pub backend: BackendKind,
    /// The bucket, for `s3`. It must exist, and must not belong to this stack.
    pub bucket: String,
    /// Prefix of the keys in the bucket. Several stacks can share it.
    pub prefix: String,
    /// Region of the bucket. Empty: the region of the first environment.
    pub region: String,
    /// Account that owns the bucket. Empty: the account of the credentials of the first environment. Requests to a
    /// bucket of another account are refused.
    pub bucket_owner: String,
    /// ARN of the KMS key that encrypts the state. Empty: the default encryption of the bucket is used.
    pub kms_key_arn: String,
    /// Seconds for which the lock is valid without a heartbeat. After that, another run can take it over.
    #[schemars(range(min = 4, max = 3600))]
    pub lease_seconds: u32,
}

impl Default for StateConfig {
    fn default() -> Self {
        Self {
            backend: BackendKind::Local,
            bucket: String::new(),
            prefix: "migrate-infra".to_owned(),
            region: String::new(),
            bucket_owner: String::new(),
            kms_key_arn: String::new(),
            lease_seconds: 60,
        }
    }
}

/// The type of the state backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum BackendKind {
    /// The file system of this machine.
    Local,
    /// An S3 bucket.
    S3,
}
