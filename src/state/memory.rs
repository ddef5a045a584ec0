//! A store in memory, for tests: its bytes outlive the run that wrote them, and it can be killed at any point.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::store::Store;
use crate::fuse::Fuse;

#[derive(Default)]
struct Bytes {
    snapshot: Option<Vec<u8>>,
    journal: Vec<u8>,
}

/// Keeps journal and snapshot in memory. Clones share the bytes.
#[derive(Clone, Default)]
pub struct MemoryStore {
    bytes: Arc<Mutex<Bytes>>,
    fuse: Fuse,
}

impl MemoryStore {
    /// The same bytes, as seen by a run that dies when `fuse` blows.
    pub fn with_fuse(&self, fuse: Fuse) -> Self {
        Self { bytes: Arc::clone(&self.bytes), fuse }
    }

    /// Returns a store of its own with the same bytes.
    pub fn copy(&self) -> Self {
        let bytes = self.lock();
        let copied = Bytes { snapshot: bytes.snapshot.clone(), journal: bytes.journal.clone() };
        Self { bytes: Arc::new(Mutex::new(copied)), fuse: Fuse::default() }
    }

    /// Returns the journal as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().journal).into_owned()
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass(&self, point: &'static str) -> io::Result<()> {
        self.fuse.pass(point).map_err(io::Error::other)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.lock().snapshot.clone())
    }

    async fn journal(&mut self) -> io::Result<Vec<u8>> {
        Ok(self.lock().journal.clone())
    }

    async fn append(&mut self, _first: u64, bytes: &[u8]) -> io::Result<()> {
        self.pass("before a journal write")?;
        // What is written before a crash may end after any record, or in the middle of one.
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let half = line.len() / 2;
            self.lock().journal.extend_from_slice(&line[..half]);
            self.pass("in the middle of a journal record")?;
            self.lock().journal.extend_from_slice(&line[half..]);
            self.pass("after a journal record")?;
        }
        Ok(())
    }

    async fn truncate(&mut self, length: u64) -> io::Result<()> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        self.lock().journal.truncate(length);
        Ok(())
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        self.pass("before the snapshot is replaced")?;
        self.lock().snapshot = Some(snapshot.to_vec());
        self.pass("between snapshot and journal")?;
        self.lock().journal.clear();
        self.pass("after the journal is emptied")
    }

    async fn set_aside(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.pass("before it is set aside")?;
        let mut bytes = self.lock();
        let kept = [bytes.snapshot.take().map(|_| "snapshot"), (!bytes.journal.is_empty()).then_some("journal")];
        bytes.journal.clear();
        Ok(kept.into_iter().flatten().map(|what| format!("the {what} called {label} in memory")).collect())
    }

    fn journal_place(&self) -> String {
        "the journal in memory".to_owned()
    }

    fn snapshot_place(&self) -> String {
        "the snapshot in memory".to_owned()
    }
}
