//! The storage of journal and snapshot, and how they are read.

use std::io;

use async_trait::async_trait;

use super::record::{Line, LineError};
use super::snapshot::{FORMAT, IllegalRecord, State};

/// Stores the bytes of a stack's journal and snapshot.
///
/// # Guarantees
/// * When `append` returns, the bytes are durable, after all those appended before.
/// * `compact` replaces the snapshot and empties the journal. A crash in between leaves either the old pair, or the
///   new snapshot with the old journal, whose records are in the snapshot and are skipped by reads.
#[async_trait]
pub trait Store: Send {
    /// Returns the snapshot, if there is one.
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Returns the journal, if there is one.
    ///
    /// An error of the kind [`io::ErrorKind::InvalidData`] means that it is there, and damaged.
    async fn journal(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Appends lines to the journal, starting with the record number `first`, and makes them durable. A journal that
    /// does not exist is created together with these lines: no crash leaves one without a complete line.
    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()>;
    /// Truncates the journal to `length` bytes, to remove a torn last line before the next append. The removed bytes
    /// are kept. Returns where.
    async fn truncate(&mut self, length: u64) -> io::Result<String>;
    /// Replaces the snapshot, then empties the journal.
    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()>;
    /// Archives journal and snapshot under names that begin with `label`, so that a new history can start. Returns the
    /// new names. After an error, the rest keeps its name.
    async fn archive(&mut self, label: &str) -> io::Result<Vec<String>>;
    /// Returns the location of the journal, for messages.
    fn journal_place(&self) -> String;
    /// Returns the location of the snapshot, for messages.
    fn snapshot_place(&self) -> String;
}

/// The reason why a state cannot be read or opened.
#[derive(Debug, thiserror::Error)]
pub enum StateError {
    /// The location cannot be read or written.
    #[error("{place} cannot be {verb}")]
    Io {
        /// The file, directory or object.
        place: String,
        /// The attempted access.
        verb: &'static str,
        /// The error.
        #[source]
        source: io::Error,
    },
    /// The state was written by a later version of this tool.
    #[error("{place} has format {found}; this version knows formats up to {FORMAT}")]
    Newer {
        /// The file.
        place: String,
        /// Its format.
        found: u64,
    },
    /// The snapshot cannot be parsed.
    #[error("{place} is damaged")]
    Snapshot {
        /// The file.
        place: String,
        /// Its location.
        #[source]
        source: serde_json::Error,
    },
    /// The content cannot be what this tool has written, although no single line is wrong.
    #[error("{place} is damaged: {reason}")]
    Content {
        /// The file.
        place: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A complete line of the journal cannot be read. It may have been acknowledged, also if it is the last one.
    #[error(
        "line {number} of {place} is damaged, and {} it",
        match *.after {
            0 => "no line follows".to_owned(),
            1 => "one line follows".to_owned(),
            more => format!("{more} lines follow"),
        }
    )]
    Line {
        /// The file.
        place: String,
        /// The line number, from 1.
        number: usize,
        /// The number of lines after it.
        after: usize,
        /// The error.
        source: LineError,
    },
    /// A record contradicts those before it.
    #[error("line {number} of {place} does not fit the lines before it")]
    Record {
        /// The file.
        place: String,
        /// The line number, from 1.
        number: usize,
        /// The error.
        #[source]
        source: IllegalRecord,
    },
}

impl StateError {
    /// Returns whether the content is damaged: it can be read, but not understood.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Content { .. } | Self::Line { .. } | Self::Record { .. })
    }
}

/// The intact part of a store.
#[derive(Debug)]
pub struct Salvage {
    /// The state before the damage, or the complete state.
    pub state: State,
    /// The number of intact bytes in the journal.
    pub intact: u64,
    /// The number of bytes in the journal.
    pub length: u64,
    /// The damage; nothing if at most the last line is torn: it has no line feed.
    pub damage: Option<StateError>,
}

/// Reads the content of a store up to the first damage, without changing it.
///
/// # Errors
/// The store cannot be read, or its format is of a later version.
pub async fn salvage(store: &mut dyn Store) -> Result<Salvage, StateError> {
    let place = store.snapshot_place();
    let snapshot =
        store.snapshot().await.map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?;
    let has_snapshot = snapshot.is_some();
    let (mut state, mut damage) = match snapshot.map(|bytes| parse_snapshot(&bytes, place)) {
        None => (State::empty(), None),
        Some(Ok(state)) => (state, None),
        Some(Err(error)) if error.is_damage() => (State::empty(), Some(error)),
        Some(Err(error)) => return Err(error),
    };
    let place = store.journal_place();
    let (bytes, truncated) = match store.journal().await {
        Ok(bytes) => (bytes, None),
        Err(error) if error.kind() == io::ErrorKind::InvalidData => (None, Some(error.to_string())),
        Err(source) => return Err(StateError::Io { place, verb: "read", source }),
    };
    // The journal and its first record appear at the same moment, and a snapshot appears before the journal is emptied.
    let is_hollow = !has_snapshot && bytes.as_ref().is_some_and(|bytes| !bytes.contains(&b'\n'));
    let hollow = is_hollow.then(|| "it has no complete line, and there is no snapshot".to_owned());
    if damage.is_none() {
        damage = truncated.or(hollow).map(|reason| StateError::Content { place: place.clone(), reason });
    }
    let bytes = bytes.unwrap_or_default();
    if let Some(found) = format_of(&bytes).filter(|found| *found > u64::from(FORMAT)) {
        return Err(StateError::Newer { place, found });
    }
    let mut intact = 0;
    // After a damaged snapshot, the journal cannot be applied.
    if damage.is_none() {
        damage = replay(&mut state, &bytes, &place, &mut intact).err();
    }
    // Records that a snapshot contains are skipped; here, there was no snapshot with them.
    if damage.is_none() && !state.has_begun() && !bytes.is_empty() {
        damage = Some(StateError::Content { place, reason: "none of its records starts a history".to_owned() });
    }
    Ok(Salvage { state, intact, length: bytes.len() as u64, damage })
}

/// Reads the content of a store, without changing it.
///
/// # Errors
/// Damage other than a torn last line, or a format of a later version.
pub async fn load(store: &mut dyn Store) -> Result<State, StateError> {
    let found = salvage(store).await?;
    found.damage.map_or(Ok(found.state), Err)
}

/// Reads the content of a store, and removes a torn last line, so that the next append starts a new line.
///
/// # Errors
/// Those of [`load`], or the store cannot be written.
pub async fn open(store: &mut dyn Store) -> Result<State, StateError> {
    Ok(salvage(store).await?.open(store).await?.state)
}

/// A store that is open for the next append.
#[derive(Debug)]
pub struct Opened {
    /// The state.
    pub state: State,
    /// What was removed from the end of the journal.
    pub torn: Option<TornLine>,
}

/// The beginning of a line that a crash has prevented from being written. It was never acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TornLine {
    /// Its length in bytes.
    pub length: u64,
    /// Where its bytes are kept.
    pub kept: String,
}

impl std::fmt::Display for TornLine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "a crash has cut off the last line of the journal; its {} bytes were never acknowledged, \
             and are kept as {}",
            self.length, self.kept
        )
    }
}

impl Salvage {
    /// Removes a torn last line of the store that this was read from, so that the next append starts a new line.
    ///
    /// # Errors
    /// The content is damaged, or the store cannot be written.
    pub async fn open(self, store: &mut dyn Store) -> Result<Opened, StateError> {
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        if self.intact == self.length {
            return Ok(Opened { state: self.state, torn: None });
        }
        let place = store.journal_place();
        let kept = store.truncate(self.intact).await;
        let kept = kept.map_err(|source| StateError::Io { place, verb: "written", source })?;
        Ok(Opened { state: self.state, torn: Some(TornLine { length: self.length - self.intact, kept }) })
    }
}

fn parse_snapshot(bytes: &[u8], place: String) -> Result<State, StateError> {
    let value: serde_json::Value =
        serde_json::from_slice(bytes).map_err(|source| StateError::Snapshot { place: place.clone(), source })?;
    if let Some(found) =
        value.get("format").and_then(serde_json::Value::as_u64).filter(|found| *found > u64::from(FORMAT))
    {
        return Err(StateError::Newer { place, found });
    }
    let state: State =
        serde_json::from_value(value).map_err(|source| StateError::Snapshot { place: place.clone(), source })?;
    if state.has_begun() {
        Ok(state)
    } else {
        Err(StateError::Content { place, reason: "its `lineage` is empty, so it belongs to no history".to_owned() })
    }
}

/// Returns the format in the first line of a journal, if that line starts the history.
fn format_of(journal: &[u8]) -> Option<u64> {
    let line = journal.split(|byte| *byte == b'\n').next()?;
    let record: serde_json::Value = serde_json::from_slice(line.get(9..)?).ok()?;
    record.get("format")?.as_u64()
}

/// Applies the journal to the state, and counts its intact bytes. The last line may be torn: then it has no line feed.
/// A complete line may have been acknowledged, so it must be readable.
fn replay(state: &mut State, bytes: &[u8], place: &str, intact: &mut u64) -> Result<(), StateError> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, raw) in lines.iter().enumerate() {
        let number = index + 1;
        let after = lines.len() - number;
        // Torn by a crash during an append. It was never acknowledged, so nothing relies on it.
        let Some(text) = raw.strip_suffix(b"\n") else { return Ok(()) };
        let line = Line::decode(&String::from_utf8_lossy(text));
        let line = line.map_err(|source| StateError::Line { place: place.to_owned(), number, after, source })?;
        if line.seq > state.seq {
            state.apply(&line).map_err(|source| StateError::Record { place: place.to_owned(), number, source })?;
        }
        *intact += raw.len() as u64;
    }
    Ok(())
}
