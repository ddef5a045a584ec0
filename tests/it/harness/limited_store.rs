//! A store of the state on a disk that fills up.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use migrate_infra::state::{MemoryStore, Store};

/// A store with room for a number of bytes. It writes the part that fits, as a file system does.
pub struct LimitedStore {
    inner: MemoryStore,
    room: Arc<AtomicUsize>,
}

impl LimitedStore {
    pub fn new(inner: MemoryStore, room: usize) -> Self {
        Self { inner, room: Arc::new(AtomicUsize::new(room)) }
    }

    /// Returns the free bytes, so that a test can change them.
    pub fn room(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.room)
    }
}

#[async_trait]
impl Store for LimitedStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.inner.snapshot().await
    }

    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.inner.journal().await
    }

    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()> {
        let fits = bytes.len().min(self.room.load(Ordering::SeqCst));
        self.room.fetch_sub(fits, Ordering::SeqCst);
        // A journal is created completely or not at all.
        if fits < bytes.len() && self.inner.journal().await?.is_none() {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        self.inner.append(first, &bytes[..fits]).await?;
        if fits < bytes.len() { Err(io::Error::from(io::ErrorKind::StorageFull)) } else { Ok(()) }
    }

    async fn truncate(&mut self, length: u64) -> io::Result<String> {
        self.inner.truncate(length).await
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        if snapshot.len() > self.room.load(Ordering::SeqCst) {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        } else {
            self.inner.compact(snapshot).await
        }
    }

    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.inner.archive(label).await
    }

    fn journal_place(&self) -> String {
        self.inner.journal_place()
    }

    fn snapshot_place(&self) -> String {
        self.inner.snapshot_place()
    }
}
