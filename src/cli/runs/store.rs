//! Stored runs are listed, read and removed.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use infra_base::file;
use infra_base::file_id::FileId;
use infra_timeline::{FORMAT, RunRecord, Timeline, lines};

/// How many runs of a stack are kept.
pub(super) const KEPT: usize = 50;
/// What a run is.
pub(super) const RECORD: &str = "run.json";
/// What happened in it.
pub(super) const EVENTS: &str = "events.jsonl";
/// Its page.
const PAGE: &str = "timeline.html";

/// The stored runs of a stack.
pub(in crate::cli) struct Runs(PathBuf);

impl Runs {
    /// Returns the runs in the local directory of a stack.
    pub(in crate::cli) fn of(stack: &Path) -> Self {
        Self(stack.join("runs"))
    }

    /// Returns the directory.
    pub(in crate::cli) fn directory(&self) -> &Path {
        &self.0
    }

    /// Returns the directory of a run.
    pub(in crate::cli) fn directory_of(&self, id: &FileId) -> PathBuf {
        self.0.join(id.as_str())
    }

    /// Returns where the page of a run is written, unless the user names another place.
    pub(in crate::cli) fn page_of(&self, id: &FileId) -> PathBuf {
        self.directory_of(id).join(PAGE)
    }

    /// Returns the names of the runs, newest first.
    pub(in crate::cli) fn ids(&self) -> io::Result<Vec<FileId>> {
        let entries = match fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut ids: Vec<FileId> = names.filter_map(|name| FileId::try_from(name).ok()).collect();
        ids.retain(|id| self.directory_of(id).join(RECORD).is_file());
        ids.sort_by(|one, other| other.cmp(one));
        Ok(ids)
    }

    /// Reads what is stored about a run.
    pub(in crate::cli) fn record(&self, id: &FileId) -> io::Result<RunRecord> {
        let text = file::read_to_string(&self.directory_of(id).join(RECORD))?;
        let record: RunRecord = serde_json::from_str(&text)?;
        match record.format {
            FORMAT => Ok(record),
            other => {
                Err(io::Error::new(io::ErrorKind::InvalidData, format!("this version does not know format {other}")))
            }
        }
    }

    /// Reads what happened in a run.
    pub(in crate::cli) fn timeline(&self, id: &FileId) -> io::Result<Timeline> {
        self.timeline_of(id, self.record(id)?)
    }

    /// Does the same for a run whose record is read already.
    pub(super) fn timeline_of(&self, id: &FileId, record: RunRecord) -> io::Result<Timeline> {
        let events = match file::read(&self.directory_of(id).join(EVENTS)) {
            Ok(bytes) => bytes,
            // The run was killed before its first event.
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Timeline::of(record, lines(&String::from_utf8_lossy(&events))))
    }

    /// Returns whether a process is writing a run.
    pub(super) fn is_under_way(&self, id: &FileId) -> bool {
        let events = file::open(&self.directory_of(id).join(EVENTS), fs::OpenOptions::new().read(true));
        events.is_ok_and(|events| matches!(events.try_lock_shared(), Err(fs::TryLockError::WouldBlock)))
    }

    /// Returns what changes whenever more is stored about a run: the lengths and times of its files.
    pub(super) fn progress(&self, id: &FileId) -> [Option<(u64, SystemTime)>; 2] {
        [RECORD, EVENTS].map(|name| {
            let metadata = fs::metadata(self.directory_of(id).join(name)).ok()?;
            Some((metadata.len(), metadata.modified().ok()?))
        })
    }

    /// Removes the oldest runs, so that [`KEPT`] are left. Only the files that this program writes are removed.
    pub(super) fn prune(&self) -> io::Result<()> {
        for id in self.ids()?.into_iter().skip(KEPT) {
            let directory = self.directory_of(&id);
            // Nothing is removed through a link.
            if !fs::symlink_metadata(&directory)?.is_dir() {
                continue;
            }
            // Without its record, what is left is no run.
            for name in [PAGE, EVENTS, RECORD] {
                match fs::remove_file(directory.join(name)) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            // Somebody may have put other files there.
            let _ = fs::remove_dir(&directory);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(directory: &Path, count: u32) -> Runs {
        let runs = Runs::of(directory);
        for index in 0..count {
            let id = format!("run-20260101T0000{index:02}000Z");
            let one = runs.directory().join(&id);
            file::create_directory(&one).expect("a directory");
            let record = RunRecord { format: FORMAT, id, ..RunRecord::default() };
            fs::write(one.join(RECORD), serde_json::to_string(&record).expect("text")).expect("a file");
        }
        runs
    }

    #[test]
    fn the_newest_runs_are_kept() {
        let directory = tempfile::tempdir().expect("a directory");
        let runs = store(directory.path(), 53);
        let foreign = runs.directory().join("run-20260101T000000000Z/notes.txt");
        fs::write(&foreign, "mine").expect("a file");
        fs::create_dir(runs.directory().join("zz")).expect("a directory");
        runs.prune().expect("they are removed");
        let ids = runs.ids().expect("they can be listed");
        assert_eq!(ids.len(), KEPT);
        assert_eq!(ids[0].as_str(), "run-20260101T000052000Z");
        assert_eq!(ids[KEPT - 1].as_str(), "run-20260101T000003000Z");
        assert!(foreign.exists(), "a file of somebody else");
        assert!(!runs.directory().join("run-20260101T000001000Z").exists());
        assert!(runs.directory().join("zz").exists());
    }

    #[test]
    fn a_run_without_events_is_read_and_an_unknown_format_is_refused() {
        let directory = tempfile::tempdir().expect("a directory");
        let runs = store(directory.path(), 1);
        let id = runs.ids().expect("they can be listed").remove(0);
        assert!(runs.timeline(&id).expect("it can be read").steps.is_empty());
        fs::write(
            runs.directory_of(&id).join(RECORD),
            r#"{"format":2,"id":"a","command":"b","stack":"c","started":""}"#,
        )
        .expect("a file");
        let error = runs.record(&id).expect_err("it is refused");
        assert_eq!(error.to_string(), "this version does not know format 2");
    }
}
