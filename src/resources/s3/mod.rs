//! Amazon S3.

mod bucket;
mod contents;
mod replication;
mod settings;

pub use bucket::{Bucket, BucketAttrs};
pub use replication::{BucketReplication, ReplicaKeys};
pub use settings::{Encryption, Lifecycle, SeenLifecycle, Settings};
