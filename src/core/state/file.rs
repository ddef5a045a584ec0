//! Journal and snapshot as two files in a directory.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::store::Store;
use infra_base::crash_point::CrashPoints;

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

    async fn journal(&mut self) -> io::Result<Vec<u8>> {
        self.work(|files| Ok(read(&files.journal)?.unwrap_or_default())).await
    }

    async fn append(&mut self, _first: u64, bytes: &[u8]) -> io::Result<()> {
        let bytes = bytes.to_vec();
        self.work(move |files| files.append(&bytes)).await
    }

    async fn truncate(&mut self, length: u64) -> io::Result<()> {
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
            self.open = Some(self.open_journal()?);
        }
        let Some(file) = &mut self.open else { return Ok(()) };
        let half = bytes.len() / 2;
        let hit = |point| self.crash_points.hit(point).map_err(io::Error::other);
        hit("before the journal is written")?;
        file.write_all(&bytes[..half])?;
        hit("in the middle of a write to the journal")?;
        file.write_all(&bytes[half..])?;
        hit("before the journal is flushed")?;
        file.sync_data()?;
        hit("after the journal is flushed")
    }

    fn open_journal(&self) -> io::Result<File> {
        self.step("create the directory", || fs::create_dir_all(&self.directory))?;
        // The directory itself may be new. Without this flush, a power failure could lose it together with the journal.
        for directory in self.directory.ancestors().take(3).filter(|directory| !directory.as_os_str().is_empty()) {
            self.step("flush the directory above", || File::open(directory)?.sync_all())?;
        }
        let file =
            self.step("create the journal", || OpenOptions::new().create(true).append(true).open(&self.journal))?;
        self.step("flush the new journal", || file.sync_all())?;
        self.step("flush the directory", || sync_directory(&self.journal))?;
        Ok(file)
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.open = None;
        let file = OpenOptions::new().write(true).open(&self.journal)?;
        self.step("cut the torn line", || file.set_len(length))?;
        self.step("flush the cut journal", || file.sync_all())
    }

    fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        self.replace(&self.snapshot, snapshot)?;
        self.open = None;
        self.replace(&self.journal, b"")
    }

    /// Replaces a file so that a crash at any point leaves either the old or the new content: writes a temporary file
    /// in the same directory, flushes it, renames it over the old one, and flushes the directory.
    fn replace(&self, path: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = path.with_extension("tmp");
        let mut file = self.step("create a temporary file", || File::create(&temporary))?;
        self.step("write a temporary file", || file.write_all(bytes))?;
        self.step("flush a temporary file", || file.sync_all())?;
        self.step("rename", || fs::rename(&temporary, path))?;
        self.step("flush the directory", || sync_directory(path))
    }

    fn archive(&mut self, label: &str) -> io::Result<Vec<String>> {
        self.open = None;
        let mut kept = Vec::new();
        // The snapshot comes first: a missing snapshot is noticed, but a snapshot without its journal would pass for an
        // older state.
        for path in [&self.snapshot, &self.journal] {
            let aside = path.with_extension(label);
            match self
                .step("rename", || fs::rename(path, &aside))
                .and_then(|()| self.step("flush the directory", || sync_directory(path)))
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
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}
