//! Amazon S3.

mod bucket;
mod contents;
mod settings;

pub use bucket::{Bucket, BucketAttrs};
pub use settings::{Encryption, Lifecycle, SeenLifecycle, Settings};
