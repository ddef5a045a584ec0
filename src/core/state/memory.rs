//! A store in memory, for tests. Its bytes outlive the run that wrote them, and the run can be killed at any point.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::store::Store;
use infra_base::crash_point::CrashPoints;

#[derive(Default)]
struct Bytes {
    snapshot: Option<Vec<u8>>,
    /// What was cut off, in the order of time.
    torn: Vec<Vec<u8>>,
    journal: Option<Vec<u8>>,
}

/// Keeps journal and snapshot in memory. Clones share the bytes.
#[derive(Clone, Default)]
pub struct MemoryStore {
    bytes: Arc<Mutex<Bytes>>,
    crash_points: CrashPoints,
}

impl MemoryStore {
    /// Returns the same bytes for a run that is killed at one of `crash_points`.
    pub fn with_crash_points(&self, crash_points: CrashPoints) -> Self {
        Self { bytes: Arc::clone(&self.bytes), crash_points }
    }

    /// Returns a separate store with the same bytes.
    pub fn copy(&self) -> Self {
        let bytes = self.lock();
        let copied =
            Bytes { snapshot: bytes.snapshot.clone(), torn: bytes.torn.clone(), journal: bytes.journal.clone() };
        Self { bytes: Arc::new(Mutex::new(copied)), crash_points: CrashPoints::default() }
    }

    /// Returns the journal as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(self.lock().journal.as_deref().unwrap_or_default()).into_owned()
    }

    /// Returns the torn lines that were cut off.
    pub fn torn(&self) -> Vec<Vec<u8>> {
        self.lock().torn.clone()
    }

    fn extend(&self, bytes: &[u8]) {
        self.lock().journal.get_or_insert_default().extend_from_slice(bytes);
    }

    fn lock(&self) -> MutexGuard<'_, Bytes> {
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hit(&self, point: &'static str) -> io::Result<()> {
        self.crash_points.hit(point).map_err(io::Error::other)
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.lock().snapshot.clone())
    }

    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>> {
        Ok(self.lock().journal.clone())
    }

    async fn append(&mut self, _first: u64, bytes: &[u8]) -> io::Result<()> {
        self.hit("before a journal write")?;
        if self.lock().journal.is_none() {
            // As in a directory, a journal appears together with its first records.
            self.hit("before the journal appears")?;
            self.lock().journal = Some(bytes.to_vec());
            return self.hit("after the journal appears");
        }
        // A crash may leave a complete record, or a part of one.
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let half = line.len() / 2;
            self.extend(&line[..half]);
            self.hit("in the middle of a journal record")?;
            self.extend(&line[half..]);
            self.hit("after a journal record")?;
        }
        Ok(())
    }

    async fn truncate(&mut self, length: u64) -> io::Result<String> {
        let length = usize::try_from(length).map_err(io::Error::other)?;
        let mut bytes = self.lock();
        let torn = bytes.journal.as_mut().map(|journal| journal.split_off(length.min(journal.len())));
        bytes.torn.extend(torn);
        Ok("the torn lines in memory".to_owned())
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        self.hit("before the snapshot is replaced")?;
        self.lock().snapshot = Some(snapshot.to_vec());
        self.hit("between snapshot and journal")?;
        self.lock().journal = Some(Vec::new());
        self.hit("after the journal is emptied")
    }

    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.hit("before it is archived")?;
        let mut bytes = self.lock();
        let kept = [
            bytes.snapshot.take().map(|_| "snapshot"),
            bytes.journal.take().filter(|journal| !journal.is_empty()).map(|_| "journal"),
        ];
        Ok(kept.into_iter().flatten().map(|what| format!("the {what} called {label} in memory")).collect())
    }

    fn journal_place(&self) -> String {
        "the journal in memory".to_owned()
    }

    fn snapshot_place(&self) -> String {
        "the snapshot in memory".to_owned()
    }
}
