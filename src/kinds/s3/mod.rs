//! Amazon S3.

mod bucket;
mod objects;
mod policy_statement;
mod replication;
mod settings;
mod tagging;

pub use bucket::{Bucket, BucketAttrs};
pub use policy_statement::BucketPolicyStatement;
pub use replication::{BucketReplication, ReplicaKeys};
pub use settings::{Encryption, Lifecycle, SeenLifecycle, Settings};
