//! Where journal and snapshot are kept, and how they are read back.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::record::{Line, LineError};
use super::snapshot::{FORMAT, IllegalRecord, State};

/// Keeps the bytes of one stack's journal and snapshot.
///
/// # Guarantees
/// * When `append` returns, the bytes are durable, after all those appended before.
/// * `compact` replaces the snapshot and empties the journal; a crash in between leaves either the old pair, or the new
///   snapshot with the old journal, whose records the snapshot contains and which are skipped when read.
pub trait Store: Send {
    /// Returns the snapshot, if there is one.
    fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Returns the journal; empty when there is none.
    fn journal(&mut self) -> io::Result<Vec<u8>>;
    /// Appends to the journal and makes it durable.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the journal to `length` bytes: a torn last line goes before anything is appended.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Replaces the snapshot, then empties the journal.
    fn compact(&mut self, snapshot: &[u8]) -> io::Result<()>;
    /// Returns the place of the journal, for messages.
    fn journal_place(&self) -> String;
    /// Returns the place of the snapshot, for messages.
    fn snapshot_place(&self) -> String;
}

/// Why a state cannot be read or opened.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The place cannot be read or written.
    #[error("{place} can not be {verb}")]
    Io {
        /// The file or directory.
        place: String,
        /// What was tried.
        verb: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Written by a later version of the tool.
    #[error("{place} has format {found}; this version knows formats up to {FORMAT}")]
    Newer {
        /// The file.
        place: String,
        /// Its format.
        found: u64,
    },
    /// The snapshot is not a snapshot.
    #[error("{place} is damaged")]
    Snapshot {
        /// The file.
        place: String,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A line in the middle of the journal cannot be read.
    #[error("line {number} of {place} is damaged, and {} after it", if *.after == 1 { "one line comes".to_owned() } else { format!("{after} lines come") })]
    Line {
        /// The file.
        place: String,
        /// The line, from 1.
        number: usize,
        /// How many lines come after it.
        after: usize,
        /// Why.
        source: LineError,
    },
    /// A record does not fit.
    #[error("line {number} of {place} does not fit")]
    Record {
        /// The file.
        place: String,
        /// The line, from 1.
        number: usize,
        /// Why.
        #[source]
        source: IllegalRecord,
    },
}

impl StateError {
    /// Returns whether the content is damaged: it can be read from the disk, and makes no sense.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Line { .. } | Self::Record { .. })
    }
}

/// Reads what a store holds, without changing it. Returns the state and the length of the intact journal.
///
/// # Errors
/// Damage anywhere but in the last line, or a format of a later version.
pub fn load(store: &mut dyn Store) -> Result<(State, u64), StateError> {
    let place = store.snapshot_place();
    let snapshot = store.snapshot().map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?;
    let mut state = match snapshot {
        Some(bytes) => parse_snapshot(&bytes, place)?,
        None => State::empty(),
    };
    let place = store.journal_place();
    let bytes = store.journal().map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?;
    if let Some(found) = format_of(&bytes).filter(|found| *found > u64::from(FORMAT)) {
        return Err(StateError::Newer { place, found });
    }
    let intact = replay(&mut state, &bytes, &place)?;
    if u64::from(state.format) > u64::from(FORMAT) {
        return Err(StateError::Newer { place, found: state.format.into() });
    }
    Ok((state, intact))
}

/// Reads what a store holds and cuts off a torn last line, so that the next append starts a line of its own.
///
/// # Errors
/// As [`load`], or the store cannot be written.
pub fn open(store: &mut dyn Store) -> Result<State, StateError> {
    let (state, intact) = load(store)?;
    let place = store.journal_place();
    let length = store.journal().map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?.len() as u64;
    if intact < length {
        store.truncate(intact).map_err(|source| StateError::Io { place, verb: "written", source })?;
    }
    Ok(state)
}

fn parse_snapshot(bytes: &[u8], place: String) -> Result<State, StateError> {
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(|source| StateError::Snapshot { place: place.clone(), source })?;
    if let Some(found) = value.get("format").and_then(serde_json::Value::as_u64).filter(|found| *found > u64::from(FORMAT)) {
        return Err(StateError::Newer { place, found });
    }
    serde_json::from_value(value).map_err(|source| StateError::Snapshot { place, source })
}

/// The format that the first line of a journal names, if that is where the history begins.
fn format_of(journal: &[u8]) -> Option<u64> {
    let line = journal.split(|byte| *byte == b'\n').next()?;
    let record: serde_json::Value = serde_json::from_slice(line.get(9..)?).ok()?;
    record.get("format")?.as_u64()
}

/// Adds the journal to the state and returns how many of its bytes are intact. The last line may be torn.
fn replay(state: &mut State, bytes: &[u8], place: &str) -> Result<u64, StateError> {
    let mut intact = 0;
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, raw) in lines.iter().enumerate() {
        let number = index + 1;
        let after = lines.len() - number;
        let whole = raw.strip_suffix(b"\n");
        let line = match whole.map(|text| Line::decode(&String::from_utf8_lossy(text))) {
            Some(Ok(line)) => line,
            // Torn by a crash in the middle of an append: it was never acknowledged, so nothing was built on it. A whole line
            // with a record that is not known is not torn: it was written by another version.
            None | Some(Err(LineError::Form | LineError::Checksum { .. })) if after == 0 => return Ok(intact),
            Some(Err(source)) => return Err(StateError::Line { place: place.to_owned(), number, after, source }),
            None => return Err(StateError::Line { place: place.to_owned(), number, after, source: LineError::Form }),
        };
        if line.seq > state.seq {
            state.apply(&line).map_err(|source| StateError::Record { place: place.to_owned(), number, source })?;
        }
        intact += raw.len() as u64;
    }
    Ok(intact)
}

/// Keeps journal and snapshot as two files in a directory.
pub struct FileStore {
    directory: PathBuf,
    /// Open for appending from the first append on.
    file: Option<File>,
}

impl FileStore {
    /// A store in `directory`, which is made with the first append.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self { directory: directory.into(), file: None }
    }

    /// Renames journal and snapshot, so that a new history can begin in their place. Returns their new names.
    ///
    /// # Errors
    /// When they cannot be renamed; what was not is still in its place.
    pub fn set_aside(&mut self, stamp: &str) -> Result<Vec<PathBuf>, StateError> {
        self.file = None;
        let mut kept = Vec::new();
        // The snapshot first: a journal without it is noticed, a snapshot without its journal would pass for an old state.
        for path in [self.snapshot_path(), self.journal_path()] {
            let aside = path.with_extension(format!("damaged-{stamp}"));
            match fs::rename(&path, &aside).and_then(|()| sync_directory(&aside)) {
                Ok(()) => kept.push(aside),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(StateError::Io { place: path.display().to_string(), verb: "renamed", source }),
            }
        }
        Ok(kept)
    }

    fn journal_path(&self) -> PathBuf {
        self.directory.join("journal.jsonl")
    }

    fn snapshot_path(&self) -> PathBuf {
        self.directory.join("state.json")
    }
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Replaces a file so that a crash at any point leaves the old content or the new one, never a mixture: a temporary file
/// in the same directory, flushed, renamed over the old one, and the directory flushed.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = File::create(&temporary)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&temporary, path)?;
    sync_directory(path)
}

fn sync_directory(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(directory) => File::open(directory)?.sync_all(),
        None => Ok(()),
    }
}

impl Store for FileStore {
    fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>> {
        read(&self.snapshot_path())
    }

    fn journal(&mut self) -> io::Result<Vec<u8>> {
        Ok(read(&self.journal_path())?.unwrap_or_default())
    }

    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let path = self.journal_path();
        let file = match &mut self.file {
            Some(file) => file,
            empty => {
                fs::create_dir_all(&self.directory)?;
                // The directory itself may be new: without this, a power cut could lose it with the journal in it.
                for directory in self.directory.ancestors().take(3).filter(|directory| !directory.as_os_str().is_empty()) {
                    File::open(directory)?.sync_all()?;
                }
                let file = OpenOptions::new().create(true).append(true).open(&path)?;
                file.sync_all()?;
                sync_directory(&path)?;
                empty.insert(file)
            }
        };
        file.write_all(bytes)?;
        file.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.file = None;
        let file = OpenOptions::new().write(true).open(self.journal_path())?;
        file.set_len(length)?;
        file.sync_all()
    }

    fn compact(&mut self, snapshot: &[u8]) -> io::Result<()> {
        fs::create_dir_all(&self.directory)?;
        replace(&self.snapshot_path(), snapshot)?;
        self.file = None;
        replace(&self.journal_path(), b"")
    }

    fn journal_place(&self) -> String {
        self.journal_path().display().to_string()
    }

    fn snapshot_place(&self) -> String {
        self.snapshot_path().display().to_string()
    }
}
