//! Small objects in a bucket, with conditional writes.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{BucketVersioningStatus, Delete, ObjectIdentifier, ServerSideEncryption};

use super::clients::Clients;
use super::error::{AwsError, CallOutcome, ErrorKind};
use super::intent_guard::intended;
use infra_base::address::AccountId;

/// How often a request is sent before it counts as failed.
const ATTEMPTS: u32 = 6;
/// The pause after the first attempt. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_millis(200);
/// "The request can contain a list of up to 1,000 keys" (DeleteObjects).
const BATCH: usize = 1000;

/// The objects in a bucket below a key prefix. Keys are given without the prefix.
#[derive(Clone, Debug)]
pub struct Objects {
    clients: Arc<Clients>,
    bucket: String,
    prefix: String,
    kms_key: Option<String>,
    owner: Option<String>,
}

/// An object that was read.
#[derive(Clone, Debug)]
pub struct Object {
    /// Its content.
    pub bytes: Vec<u8>,
    /// Its ETag, which changes with every write.
    pub etag: String,
    /// When S3 stored it.
    pub modified: SystemTime,
    /// Whether it is encrypted at rest.
    pub encrypted: bool,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect<'a> {
    /// The object does not exist (`If-None-Match: *`).
    Absent,
    /// The object has this ETag (`If-Match`).
    Tag(&'a str),
}

/// A successful write.
#[derive(Clone, Debug)]
pub struct Written {
    /// The new ETag.
    pub etag: String,
    /// Whether it is encrypted at rest.
    pub encrypted: bool,
    /// When the request was sent, at the latest: by a clock that pauses while the machine sleeps, and by one that does
    /// not.
    pub sent_at: (Instant, SystemTime),
}

/// The reason why an object was not written.
#[derive(Clone, Debug, thiserror::Error)]
pub enum WriteError {
    /// The condition does not hold: another writer was faster.
    #[error("another process has written it in the meantime")]
    Conflict,
    /// S3 rejected the write, or the outcome is unknown.
    #[error(transparent)]
    Aws(#[from] AwsError),
}

impl Objects {
    /// Returns access to the objects of `bucket` below `prefix`, with the clients of the bucket's region. With a KMS
    /// key, objects are encrypted with that key instead of the bucket's. Every request names the owner of the bucket: a
    /// name is free after its bucket was deleted, and anybody can take it ("Verifying bucket ownership with bucket
    /// owner condition", Amazon S3 User Guide). Only an account that is not known is not named.
    pub fn new(
        clients: Arc<Clients>,
        bucket: &str,
        prefix: &str,
        kms_key: Option<String>,
        owner: Option<&AccountId>,
    ) -> Self {
        let owner = owner.map(|owner| owner.as_str().to_owned()).filter(|owner| !owner.is_empty());
        Self { clients, bucket: bucket.to_owned(), prefix: prefix.to_owned(), kms_key, owner }
    }

    /// Returns the URL of an object, for messages.
    pub fn place(&self, key: &str) -> String {
        format!("s3://{}/{}{key}", self.bucket, self.prefix)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// The error of S3, except that the object does not exist.
    pub async fn get(&self, key: &str) -> Result<Option<Object>, AwsError> {
        const CALL: &str = "s3:GetObject";
        for attempt in 1.. {
            let call = self.clients.s3.get_object().bucket(&self.bucket).key(self.key(key));
            let sent = call.set_expected_bucket_owner(self.owner.clone()).send().await;
            let output = match sent.map_err(|error| AwsError::of(CALL, &error)) {
                Ok(output) => output,
                Err(error) if error.is("NoSuchKey") => return Ok(None),
                Err(error) if may_pass(&error) && attempt < ATTEMPTS => {
                    pause(attempt).await;
                    continue;
                }
                Err(error) => return Err(error),
            };
            let etag = output.e_tag.unwrap_or_default();
            let modified =
                output.last_modified.and_then(|time| SystemTime::try_from(time).ok()).unwrap_or(SystemTime::UNIX_EPOCH);
            let encrypted = output.server_side_encryption.is_some();
            match output.body.collect().await {
                Ok(body) => return Ok(Some(Object { bytes: body.to_vec(), etag, modified, encrypted })),
                Err(_) if attempt < ATTEMPTS => pause(attempt).await,
                Err(error) => return Err(broken(CALL, error.to_string())),
            }
        }
        Ok(None)
    }

    /// Writes an object if the condition holds.
    ///
    /// A write whose answer was lost is sent again. The condition prevents a second effect, and the content of the
    /// object then shows whether the first write succeeded. So `bytes` must be unique to the writer.
    ///
    /// # Errors
    /// [`WriteError::Conflict`] if the condition does not hold.
    pub async fn put(&self, key: &str, bytes: &[u8], expect: Expect<'_>) -> Result<Written, WriteError> {
        const CALL: &str = "s3:PutObject";
        let mut uncertain = None;
        for attempt in 1.. {
            // An attempt can wait for new credentials, and then the next one is sent.
            let sent_at = (Instant::now(), SystemTime::now());
            let call =
                self.clients.s3.put_object().bucket(&self.bucket).key(self.key(key)).content_type("application/json");
            let call = call.body(ByteStream::from(bytes.to_vec())).set_expected_bucket_owner(self.owner.clone());
            let call = match expect {
                Expect::Absent => call.if_none_match("*"),
                Expect::Tag(etag) => call.if_match(etag),
            };
            let call = match &self.kms_key {
                Some(key) => call.server_side_encryption(ServerSideEncryption::AwsKms).ssekms_key_id(key),
                None => call,
            };
            let error = match intended(CALL, call.send()).await.map_err(|error| AwsError::of(CALL, &error)) {
                Ok(output) => match output.e_tag {
                    Some(etag) => {
                        return Ok(Written { etag, encrypted: output.server_side_encryption.is_some(), sent_at });
                    }
                    // S3 always sends an ETag, so this answer is not from S3.
                    None => broken(CALL, "the answer has no ETag".to_owned()),
                },
                Err(error) => error,
            };
            // "NoSuchKey" answers an `If-Match` on an object that does not exist ("Conditional writes", Amazon S3 user
            // guide).
            if error.is("PreconditionFailed") || error.is("NoSuchKey") {
                return match (self.get(key).await?, uncertain) {
                    (Some(object), Some(sent_at)) if object.bytes == bytes => {
                        Ok(Written { etag: object.etag, encrypted: object.encrypted, sent_at })
                    }
                    _ => Err(WriteError::Conflict),
                };
            }
            if !may_pass(&error) || attempt == ATTEMPTS {
                return Err(error.into());
            }
            if error.outcome == CallOutcome::Unknown {
                uncertain = uncertain.or(Some(sent_at));
            }
            pause(attempt).await;
        }
        Err(WriteError::Conflict)
    }

    /// Returns the keys that begin with `prefix`, sorted.
    ///
    /// # Errors
    /// The error of S3.
    pub async fn list(&self, prefix: &str) -> Result<Vec<String>, AwsError> {
        let call = self.clients.s3.list_objects_v2().bucket(&self.bucket).prefix(self.key(prefix));
        let mut pages = call.set_expected_bucket_owner(self.owner.clone()).into_paginator().send();
        let mut keys = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| AwsError::of("s3:ListObjectsV2", &error))?;
            let found = page.contents().iter().filter_map(|object| object.key()?.strip_prefix(self.prefix.as_str()));
            keys.extend(found.map(str::to_owned));
        }
        keys.sort();
        Ok(keys)
    }

    /// Deletes objects. Objects that do not exist count as deleted.
    ///
    /// # Errors
    /// The error of S3. Some objects may be deleted.
    pub async fn delete(&self, keys: &[String]) -> Result<(), AwsError> {
        const CALL: &str = "s3:DeleteObjects";
        for batch in keys.chunks(BATCH) {
            let named = batch.iter().filter_map(|key| ObjectIdentifier::builder().key(self.key(key)).build().ok());
            let request = Delete::builder().set_objects(Some(named.collect())).quiet(true).build();
            let request = request.map_err(|error| broken(CALL, error.to_string()))?;
            for attempt in 1..=ATTEMPTS {
                let call = self.clients.s3.delete_objects().bucket(&self.bucket).delete(request.clone());
                let call = call.set_expected_bucket_owner(self.owner.clone());
                match intended(CALL, call.send()).await.map_err(|error| AwsError::of(CALL, &error)) {
                    Ok(output) => match output.errors().first() {
                        None => break,
                        Some(error) => {
                            return Err(broken(CALL, error.message().or(error.code()).unwrap_or("refused").to_owned()));
                        }
                    },
                    Err(error) if may_pass(&error) && attempt < ATTEMPTS => pause(attempt).await,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    /// Returns whether versioning is enabled for the bucket.
    ///
    /// # Errors
    /// The error of S3.
    pub async fn is_versioned(&self) -> Result<bool, AwsError> {
        let call = self.clients.s3.get_bucket_versioning().bucket(&self.bucket);
        let answer = call.set_expected_bucket_owner(self.owner.clone()).send().await;
        let answer = answer.map_err(|error| AwsError::of("s3:GetBucketVersioning", &error))?;
        Ok(answer.status == Some(BucketVersioningStatus::Enabled))
    }

    fn key(&self, key: &str) -> String {
        format!("{}{key}", self.prefix)
    }
}

/// Returns whether the same request may succeed later. "409 Conflict … you may need to retry the upload"
/// (`ConditionalRequestConflict`, "Conditional writes").
fn may_pass(error: &AwsError) -> bool {
    error.kind.may_pass() || error.is("ConditionalRequestConflict") || error.is("OperationAborted")
}

async fn pause(attempt: u32) {
    tokio::time::sleep(PAUSE * 2_u32.pow(attempt - 1)).await;
}

fn broken(call: &str, message: String) -> AwsError {
    AwsError {
        call: call.to_owned(),
        code: None,
        message,
        request_id: None,
        outcome: CallOutcome::Unknown,
        kind: ErrorKind::Server,
    }
}
