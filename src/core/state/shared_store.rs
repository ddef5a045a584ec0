//! Journal and snapshot as objects in a bucket.
//!
//! The journal has one object for each flush, named after the number of its first record. These objects are only ever
//! created, so two runs that both believe to hold the lock cannot both write the next record. The snapshot is replaced
//! only if it is the one that was read. Journal objects that a snapshot contains remain until the next snapshot: a run
//! that slept through another complete run still finds its number in use.

use std::io;

use async_trait::async_trait;
use futures::{StreamExt, TryStreamExt, stream};
use serde::Deserialize;

use super::store::Store;
use infra_aws::{Expect, Objects, WriteError};

const SNAPSHOT: &str = "state.json";
const JOURNAL: &str = "journal/";
/// The number of concurrent reads of journal objects.
const READS: usize = 16;

/// Keeps journal and snapshot in a bucket.
pub(super) struct SharedStore {
    objects: Objects,
    /// The snapshot that was last read or written.
    known: Option<Known>,
}

/// The ETag of a snapshot, if there is one, and the last record that it contains.
#[derive(Clone, Debug, Default)]
struct Known {
    etag: Option<String>,
    seq: u64,
}

#[derive(Deserialize)]
struct Seq {
    seq: u64,
}

/// Returns the last record of a snapshot. For a damaged one, that is 0; reading the journal reports the damage.
fn seq_of(snapshot: &[u8]) -> u64 {
    serde_json::from_slice::<Seq>(snapshot).map_or(0, |found| found.seq)
}

fn segment(first: u64) -> String {
    format!("{JOURNAL}{first:016}.jsonl")
}

fn first_of(key: &str) -> Option<u64> {
    key.strip_prefix(JOURNAL)?.strip_suffix(".jsonl")?.parse().ok()
}

impl SharedStore {
    pub(super) fn new(objects: Objects) -> Self {
        Self { objects, known: None }
    }

    async fn known(&mut self) -> io::Result<Known> {
        match &self.known {
            Some(known) => Ok(known.clone()),
            None => {
                self.snapshot().await?;
                Ok(self.known.clone().unwrap_or_default())
            }
        }
    }

    /// Returns the objects of the journal: those that the snapshot contains, and the others.
    async fn segments(&mut self) -> io::Result<(Vec<String>, Vec<String>)> {
        let seq = self.known().await?.seq;
        let keys = self.objects.list(JOURNAL).await.map_err(io::Error::other)?;
        Ok(keys
            .into_iter()
            .filter(|key| first_of(key).is_some())
            .partition(|key| first_of(key).is_some_and(|first| first <= seq)))
    }

    async fn read(&self, key: &str) -> io::Result<Vec<u8>> {
        let object = self.objects.get(key).await.map_err(io::Error::other)?;
        object
            .map(|object| object.bytes)
            .ok_or_else(|| io::Error::other(format!("{} was deleted while it was read", self.objects.place(key))))
    }

    /// Copies an object. An existing copy of an interrupted attempt is accepted.
    async fn copy(&self, key: &str, label: &str) -> io::Result<String> {
        let (bytes, new) = (self.read(key).await?, format!("{label}/{key}"));
        match self.objects.put(&new, &bytes, Expect::Absent).await {
            Ok(_) => {}
            Err(WriteError::Conflict) if self.read(&new).await? == bytes => {}
            Err(error) => return Err(io::Error::other(error)),
        }
        Ok(self.objects.place(&new))
    }
}

#[async_trait]
impl Store for SharedStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        let object = self.objects.get(SNAPSHOT).await.map_err(io::Error::other)?;
        self.known = Some(object.as_ref().map_or_else(Known::default, |object| Known {
            etag: Some(object.etag.clone()),
            seq: seq_of(&object.bytes),
        }));
        Ok(object.map(|object| object.bytes))
    }

    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>> {
        let (_, keys) = self.segments().await?;
        let reads: Vec<_> = keys.iter().map(|key| self.read(key)).collect();
        let parts: Vec<Vec<u8>> = stream::iter(reads).buffered(READS).try_collect().await?;
        // An object is written completely or not at all, so its last line is never torn by a crash.
        if let Some((key, _)) = keys.iter().zip(&parts).find(|(_, part)| !part.ends_with(b"\n")) {
            let what = format!("{} does not end with a complete line", self.objects.place(key));
            return Err(io::Error::new(io::ErrorKind::InvalidData, what));
        }
        Ok((!parts.is_empty()).then(|| parts.concat()))
    }

    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        match self.objects.put(&segment(first), bytes, Expect::Absent).await {
            Ok(_) => Ok(()),
            Err(WriteError::Conflict) => {
                Err(io::Error::other(format!("another run has written record {first}; this one stops")))
            }
            Err(WriteError::Aws(error)) => Err(io::Error::other(error)),
        }
    }

    async fn truncate(&mut self, _length: u64) -> io::Result<String> {
        // An object is written completely or not at all.
        Err(io::Error::other(
            "the last object of the journal is truncated, but S3 does not do that: something else has changed it",
        ))
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        let known = self.known().await?;
        let (contained, _) = self.segments().await?;
        let expect = known.etag.as_deref().map_or(Expect::Absent, Expect::Tag);
        let written = match self.objects.put(SNAPSHOT, snapshot, expect).await {
            Ok(written) => written,
            Err(WriteError::Conflict) => {
                return Err(io::Error::other("another run has replaced the snapshot, so this one does not write it"));
            }
            Err(WriteError::Aws(error)) => return Err(io::Error::other(error)),
        };
        self.known = Some(Known { etag: Some(written.etag), seq: seq_of(snapshot) });
        if let Err(error) = self.objects.delete(&contained).await {
            // They are skipped by reads, and the next compaction tries again.
            tracing::warn!("old objects of the journal were not deleted: {error}");
        }
        Ok(())
    }

    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        let (contained, journal) = self.segments().await?;
        let snapshot = self.known().await?.etag.map(|_| SNAPSHOT.to_owned());
        let mut kept = Vec::new();
        for key in snapshot.iter().chain(&journal) {
            kept.push(self.copy(key, label).await?);
        }
        // With this order, each step leaves the previous content, or a journal without its snapshot, which is noticed.
        for keys in [contained, snapshot.into_iter().collect(), journal] {
            self.objects.delete(&keys).await.map_err(io::Error::other)?;
        }
        self.known = None;
        Ok(kept)
    }

    fn journal_place(&self) -> String {
        self.objects.place(JOURNAL)
    }

    fn snapshot_place(&self) -> String {
        self.objects.place(SNAPSHOT)
    }
}
