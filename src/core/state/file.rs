//! Journal and snapshot as two files in a directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::store::Store;
use infra_base::crash_point::CrashPoints;
use infra_base::file::{self, Access, Partial};

/// Keeps journal and snapshot as two files in a directory.
///
/// File operations run off the runtime's threads; paused time does not advance while one is under way.
pub struct FileStore {
    files: Arc<Mutex<Files>>,
    journal: PathBuf,
    snapshot: PathBuf,
}

impl FileStore {
    /// Returns a store in `directory`, which is created with the first append.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self::with_crash_points(directory, CrashPoints::default())
    }

    /// Returns a store for a run that is killed at one of `crash_points`.
    pub fn with_crash_points(directory: impl Into<PathBuf>, crash_points: CrashPoints) -> Self {
        let directory = directory.into();
        let (journal, snapshot) = (directory.join("journal.jsonl"), directory.join("state.json"));
        let files = Files { directory, journal: journal.clone(), snapshot: snapshot.clone(), open: None, crash_points };
        Self { files: Arc::new(Mutex::new(files)), journal, snapshot }
    }

    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> io::Result<T> + Send + 'static,
    ) -> io::Result<T> {
        let files = Arc::clone(&self.files);
        let done = tokio::task::spawn_blocking(move || work(&mut files.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.map_err(io::Error::other)?
    }
}

#[async_trait]
impl Store for FileStore {
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.work(|files| read(&files.snapshot)).await
    }

    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.work(|files| read(&files.journal)).await
    }

    async fn append(&mut self, _first: u64, bytes: &[u8]) -> io::Result<()> {
        let bytes = bytes.to_vec();
        self.work(move |files| files.append(&bytes)).await
    }

    async fn truncate(&mut self, length: u64) -> io::Result<String> {
        self.work(move |files| files.truncate(length)).await
    }

    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        let snapshot = snapshot.to_vec();
        self.work(move |files| files.compact(&snapshot)).await
    }

    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        let label = label.to_owned();
        self.work(move |files| files.archive(&label)).await
    }

    fn journal_place(&self) -> String {
        self.journal.display().to_string()
    }

    fn snapshot_place(&self) -> String {
        self.snapshot.display().to_string()
    }
}

/// The files, as the thread that works on them sees them.
struct Files {
    directory: PathBuf,
    journal: PathBuf,
    snapshot: PathBuf,
    /// The journal, open for appending after the first append.
    open: Option<File>,
    crash_points: CrashPoints,
}

impl Files {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.open.is_none() {
            self.open = self.open_journal()?;
        }
        let hit = |point| self.crash_points.hit(point).map_err(io::Error::other);
        hit("before the journal is written")?;
        let Some(file) = &mut self.open else { return self.create_journal(bytes) };
        let half = bytes.len() / 2;
        file.write_all(&bytes[..half])?;
        hit("in the middle of a write to the journal")?;
        file.write_all(&bytes[half..])?;
        hit("before the journal is flushed")?;
        file.sync_data()?;
        hit("after the journal is flushed")
    }

    /// Opens the journal for appending; nothing if there is none.
    fn open_journal(&self) -> io::Result<Option<File>> {
        self.step("create the directory", || file::create_directory(&self.directory))?;
        // The directory itself may be new. Without this flush, a power failure could lose it together with the journal.
        for directory in self.directory.ancestors().take(3).filter(|directory| !directory.as_os_str().is_empty()) {
            self.step("flush the directory above", || File::open(directory)?.sync_all())?;
        }
        // The end of the run replaces both files, which must not fail only then.
        for path in [&self.snapshot, &self.journal] {
            file::refuse_irregular(path).map_err(|error| io::Error::new(error.kind(), named(path, &error)))?;
            self.step("remove what a killed run was writing", || file::remove_partials(path))?;
        }
        match self.step("open the journal", || file::open(&self.journal, OpenOptions::new().append(true))) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Creates the journal with its first records, so that no crash leaves a journal without any.
    fn create_journal(&self, bytes: &[u8]) -> io::Result<()> {
        let new = self.partial(&self.journal, bytes)?;
        self.step("create the journal", || new.rename_new())?;
        self.step("flush the directory", || file::sync_directory(&self.journal))
    }

    fn truncate(&mut self, length: u64) -> io::Result<String> {
        self.open = None;
        let bytes = file::read(&self.journal)?;
        let torn = usize::try_from(length).ok().and_then(|length| bytes.get(length..)).unwrap_or_default();
        let prefix = format!("journal.torn-{}-", infra_base::clock::timestamp().replace([':', '-'], ""));
        let kept = self.step("keep the torn line", || file::keep(&self.directory, &prefix, torn))?;
        let file = file::open(&self.journal, OpenOptions::new().write(true))?;
        self.step("cut the torn line", || file.set_len(length))?;
        self.step("flush the cut journal", || file.sync_all())?;
        Ok(kept.display().to_string())
    }

    fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        file::create_directory(&self.directory)?;
        self.replace(&self.snapshot, snapshot)?;
        self.open = None;
        self.replace(&self.journal, b"")
    }

    /// Replaces a file so that a crash at any point leaves either the old or the new content: writes a temporary file
    /// in the same directory, flushes it, renames it over the old one, and flushes the directory.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let new = self.partial(path, bytes)?;
        self.step("rename", || new.rename())?;
        self.step("flush the directory", || file::sync_directory(path))
    }

    /// Writes a temporary file for `path`, and flushes it.
    fn partial(&self, path: &Path, bytes: &[u8]) -> io::Result<Partial> {
        let mut new = self.step("create a temporary file", || Partial::create(path, Access::Owner))?;
        self.step("write a temporary file", || new.write(bytes))?;
        self.step("flush a temporary file", || new.sync())?;
        Ok(new)
    }

    fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.open = None;
        let mut kept = Vec::new();
        // The snapshot comes first: a missing snapshot is noticed, but a snapshot without its journal would pass for an
        // older state. An empty journal is the other way round: without it, the snapshot is complete, and without a
        // snapshot it would pass for damage.
        let is_empty = fs::metadata(&self.journal).is_ok_and(|found| found.len() == 0);
        let order = [&self.snapshot, &self.journal];
        for path in if is_empty { [order[1], order[0]] } else { order } {
            let aside = path.with_extension(label);
            match self
                .step("rename", || fs::rename(path, &aside))
                .and_then(|()| self.step("flush the directory", || file::sync_directory(path)))
            {
                Ok(()) => kept.push(aside.display().to_string()),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(kept)
    }

    /// Runs one operation on the file system, between two crash points.
    fn step<T>(&self, point: &'static str, work: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.crash_points.hit(point).map_err(io::Error::other)?;
        let done = work()?;
        self.crash_points.hit(point).map_err(io::Error::other)?;
        Ok(done)
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match file::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Returns an error with the path, for a file that is not the one that the caller of the store names.
fn named(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}
