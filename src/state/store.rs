//! Where journal and snapshot are kept, and how they are read back.

use std::io;

use async_trait::async_trait;

use super::record::{Line, LineError};
use super::snapshot::{FORMAT, IllegalRecord, State};

/// Keeps the bytes of one stack's journal and snapshot.
///
/// # Guarantees
/// * When `append` returns, the bytes are durable, after all those appended before.
/// * `compact` replaces the snapshot and empties the journal; a crash in between leaves either the old pair, or the new
///   snapshot with the old journal, whose records the snapshot contains and which are skipped when read.
#[async_trait]
pub trait Store: Send {
    /// Returns the snapshot, if there is one.
    async fn snapshot(&mut self) -> io::Result<Option<Vec<u8>>>;
    /// Returns the journal; empty when there is none.
    async fn journal(&mut self) -> io::Result<Vec<u8>>;
    /// Appends lines to the journal, the first of which has the number `first`, and makes them durable.
    async fn append(&mut self, first: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts the journal to `length` bytes: a torn last line goes before anything is appended.
    async fn truncate(&mut self, length: u64) -> io::Result<()>;
    /// Replaces the snapshot, then empties the journal.
    async fn compact(&mut self, snapshot: &[u8]) -> io::Result<()>;
    /// Gives journal and snapshot other names, which begin with `label`, so that a new history can begin in their place. Returns the new
    /// names. What could not be renamed is still in its place.
    async fn set_aside(&mut self, label: &str) -> io::Result<Vec<String>>;
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
        /// The file, directory or object.
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
    /// Returns whether the content is damaged: it can be read from where it is kept, and makes no sense.
    pub fn is_damage(&self) -> bool {
        matches!(self, Self::Snapshot { .. } | Self::Line { .. } | Self::Record { .. })
    }
}

/// What a store holds, as far as it is intact.
#[derive(Debug)]
pub struct Salvage {
    /// The state before the damage, or all of it.
    pub state: State,
    /// How many bytes of the journal are intact.
    pub intact: u64,
    /// How many bytes the journal has.
    pub length: u64,
    /// What is damaged; nothing is when only the last line is torn.
    pub damage: Option<StateError>,
}

/// Reads what a store holds up to where it is damaged, without changing it.
///
/// # Errors
/// It cannot be read, or has the format of a later version.
pub async fn salvage(store: &mut dyn Store) -> Result<Salvage, StateError> {
    let place = store.snapshot_place();
    let snapshot = store.snapshot().await.map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?;
    let (mut state, mut damage) = match snapshot.map(|bytes| parse_snapshot(&bytes, place)) {
        None => (State::empty(), None),
        Some(Ok(state)) => (state, None),
        Some(Err(error)) if error.is_damage() => (State::empty(), Some(error)),
        Some(Err(error)) => return Err(error),
    };
    let place = store.journal_place();
    let bytes = store.journal().await.map_err(|source| StateError::Io { place: place.clone(), verb: "read", source })?;
    if let Some(found) = format_of(&bytes).filter(|found| *found > u64::from(FORMAT)) {
        return Err(StateError::Newer { place, found });
    }
    let mut intact = 0;
    // What stands on a damaged snapshot cannot be told.
    if damage.is_none() {
        damage = replay(&mut state, &bytes, &place, &mut intact).err();
    }
    Ok(Salvage { state, intact, length: bytes.len() as u64, damage })
}

/// Reads what a store holds, without changing it.
///
/// # Errors
/// Damage anywhere but in the last line, or a format of a later version.
pub async fn load(store: &mut dyn Store) -> Result<State, StateError> {
    let found = salvage(store).await?;
    found.damage.map_or(Ok(found.state), Err)
}

/// Reads what a store holds and cuts off a torn last line, so that the next append starts a line of its own.
///
/// # Errors
/// As [`load`], or the store cannot be written.
pub async fn open(store: &mut dyn Store) -> Result<State, StateError> {
    salvage(store).await?.open(store).await
}

impl Salvage {
    /// Cuts off a torn last line of the store that this was read from, so that the next append starts a line of its own.
    ///
    /// # Errors
    /// It is damaged, or the store cannot be written.
    pub async fn open(self, store: &mut dyn Store) -> Result<State, StateError> {
        if let Some(damage) = self.damage {
            return Err(damage);
        }
        if self.intact < self.length {
            let place = store.journal_place();
            store.truncate(self.intact).await.map_err(|source| StateError::Io { place, verb: "written", source })?;
        }
        Ok(self.state)
    }
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

/// Adds the journal to the state and counts how many of its bytes are intact. The last line may be torn.
fn replay(state: &mut State, bytes: &[u8], place: &str, intact: &mut u64) -> Result<(), StateError> {
    let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
    for (index, raw) in lines.iter().enumerate() {
        let number = index + 1;
        let after = lines.len() - number;
        let whole = raw.strip_suffix(b"\n");
        let line = match whole.map(|text| Line::decode(&String::from_utf8_lossy(text))) {
            Some(Ok(line)) => line,
            // Torn by a crash in the middle of an append: it was never acknowledged, so nothing was built on it. A whole line
            // with a record that is not known is not torn: it was written by another version.
            None | Some(Err(LineError::Form | LineError::Checksum { .. })) if after == 0 => return Ok(()),
            Some(Err(source)) => return Err(StateError::Line { place: place.to_owned(), number, after, source }),
            None => return Err(StateError::Line { place: place.to_owned(), number, after, source: LineError::Form }),
        };
        if line.seq > state.seq {
            state.apply(&line).map_err(|source| StateError::Record { place: place.to_owned(), number, source })?;
        }
        *intact += raw.len() as u64;
    }
    Ok(())
}
