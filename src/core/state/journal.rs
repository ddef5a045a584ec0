//! The writer of the journal: one task owns the state and the store, and all others send records to it.
//!
//! Group commit: all records that arrive during a write are written together with the next flush. Each sender continues
//! when its own records are durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::record::{Line, Record};
use super::snapshot::State;
use super::store::Store;

/// The journal could not be written. After this error, nothing may be changed any more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The store returned an error.
    #[error("{place}: {error}")]
    Store {
        /// The location.
        place: String,
        /// The error.
        error: String,
    },
    /// An invalid record, which was not written.
    #[error("{0}")]
    Record(String),
    /// The writer has ended because of an earlier error.
    #[error("an earlier write has failed")]
    Closed,
}

struct Request {
    records: Vec<Record>,
    durable: Option<oneshot::Sender<Result<(), JournalError>>>,
}

/// A handle to the journal. Clones write to the same journal.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::UnboundedSender<Request>,
    state: Arc<Mutex<State>>,
}

impl Journal {
    /// Starts the writer of an opened store.
    pub fn start(state: State, store: Box<dyn Store>) -> (Self, Writer) {
        let (requests, inbox) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(write(inbox, Arc::clone(&state), store));
        (Self { requests, state }, Writer { task })
    }

    /// Writes records, and returns when they are durable.
    ///
    /// # Errors
    /// The records are not durable.
    pub async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let (durable, answer) = oneshot::channel();
        self.requests.send(Request { records, durable: Some(durable) }).map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// Writes records with the next flush, without waiting for it.
    pub fn note(&self, records: Vec<Record>) {
        // If the writer has ended, the next `write` reports it.
        let _ = self.requests.send(Request { records, durable: None });
    }

    /// Reads the state, including all records written so far.
    pub fn read<T>(&self, read: impl FnOnce(&State) -> T) -> T {
        read(&lock(&self.state))
    }
}

/// The writer task. It ends when all [`Journal`] handles are dropped, and returns the store.
pub struct Writer {
    task: JoinHandle<Result<Box<dyn Store>, JournalError>>,
}

impl Writer {
    /// Waits until all records are written, replaces the snapshot with the current state, and empties the journal.
    ///
    /// # Errors
    /// An earlier write failed, or the snapshot cannot be written. The journal is still complete then.
    pub async fn finish(self, journal: Journal) -> Result<State, JournalError> {
        let state = Arc::clone(&journal.state);
        drop(journal);
        let mut store = self.task.await.map_err(|_| JournalError::Closed)??;
        let state = match Arc::try_unwrap(state) {
            Ok(state) => state.into_inner().unwrap_or_else(PoisonError::into_inner),
            Err(shared) => lock(&shared).clone(),
        };
        compact(store.as_mut(), &state).await?;
        Ok(state)
    }

    /// Stops the writer immediately, as the death of the process would.
    pub fn kill(self) {
        self.task.abort();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the snapshot with a state, and empties the journal. A history that has not begun has no snapshot.
///
/// # Errors
/// The store returned an error. Its previous content is still complete then.
pub async fn compact(store: &mut dyn Store, state: &State) -> Result<(), JournalError> {
    if !state.has_begun() {
        return Ok(());
    }
    let bytes = serde_json::to_vec_pretty(state).map_err(|error| JournalError::Record(error.to_string()))?;
    let done = store.compact(&bytes).await;
    done.map_err(|error| JournalError::Store { place: store.snapshot_place(), error: error.to_string() })
}

async fn write(
    mut inbox: mpsc::UnboundedReceiver<Request>,
    state: Arc<Mutex<State>>,
    mut store: Box<dyn Store>,
) -> Result<Box<dyn Store>, JournalError> {
    let mut batch: Vec<Request> = Vec::new();
    while inbox.recv_many(&mut batch, 1024).await > 0 {
        let mut bytes = String::new();
        let mut accepted = Vec::new();
        let first = lock(&state).seq.saturating_add(1);
        for request in batch.drain(..) {
            match add(&mut lock(&state), request.records, &mut bytes) {
                Ok(()) => accepted.push(request.durable),
                Err(error) => answer(request.durable, Err(error)),
            }
        }
        if bytes.is_empty() {
            continue;
        }
        let written = store.append(first, bytes.as_bytes()).await;
        let result =
            written.map_err(|error| JournalError::Store { place: store.journal_place(), error: error.to_string() });
        for durable in accepted {
            answer(durable, result.clone());
        }
        result?;
    }
    Ok(store)
}

/// Adds the records of a request to the state and to the bytes to write, up to the first invalid one.
///
/// The state is ahead of the disk by one flush. Nothing relies on that: a step continues only when its own records, and
/// those of its dependencies, are acknowledged.
fn add(state: &mut State, records: Vec<Record>, bytes: &mut String) -> Result<(), JournalError> {
    for record in records {
        // A state refuses a record after the one with the largest number.
        let line = Line { seq: state.seq.saturating_add(1), record };
        state.apply(&line).map_err(|error| JournalError::Record(error.to_string()))?;
        bytes.push_str(&line.encode());
    }
    Ok(())
}

fn answer(durable: Option<oneshot::Sender<Result<(), JournalError>>>, result: Result<(), JournalError>) {
    if let Some(durable) = durable {
        // A stopped step no longer waits for the answer.
        let _ = durable.send(result);
    }
}
