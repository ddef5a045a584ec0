//! The journal's writer: one task owns the state and the store, and everybody else sends it records.
//!
//! Group commit: all records that have come in while the disk was busy are written with one flush, and each sender goes on
//! when its own records are durable.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use super::record::{Line, Record};
use super::snapshot::State;
use super::store::Store;

/// The journal could not be written. From here on nothing may be changed any more.
#[derive(Clone, Debug, thiserror::Error)]
pub enum JournalError {
    /// The store refused.
    #[error("{place}: {error}")]
    Store {
        /// Where.
        place: String,
        /// Why.
        error: String,
    },
    /// A record did not fit; it was not written.
    #[error("{0}")]
    Record(String),
    /// The writer is gone because of an earlier error.
    #[error("an earlier write has failed")]
    Closed,
}

struct Request {
    records: Vec<Record>,
    durable: Option<oneshot::Sender<Result<(), JournalError>>>,
}

/// A handle to the journal. Clones write to the same one.
#[derive(Clone)]
pub struct Journal {
    requests: mpsc::UnboundedSender<Request>,
    state: Arc<Mutex<State>>,
}

impl Journal {
    /// Starts the writer on an opened store.
    pub fn start(state: State, store: Box<dyn Store>) -> (Self, Writer) {
        let (requests, inbox) = mpsc::unbounded_channel();
        let state = Arc::new(Mutex::new(state));
        let task = tokio::spawn(write(inbox, Arc::clone(&state), store));
        (Self { requests, state }, Writer { task })
    }

    /// Writes records and returns when they are durable.
    ///
    /// # Errors
    /// When they are not.
    pub async fn write(&self, records: Vec<Record>) -> Result<(), JournalError> {
        let (durable, answer) = oneshot::channel();
        self.requests.send(Request { records, durable: Some(durable) }).map_err(|_| JournalError::Closed)?;
        answer.await.map_err(|_| JournalError::Closed)?
    }

    /// Writes records with the next flush and does not wait for it.
    pub fn note(&self, records: Vec<Record>) {
        // When the writer is gone, the next `write` says so.
        let _ = self.requests.send(Request { records, durable: None });
    }

    /// Reads the state as it is with all records written so far.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&lock(&self.state))
    }
}

/// The writer's task. It ends when every [`Journal`] handle is gone, and gives the store back.
pub struct Writer {
    task: JoinHandle<Result<Box<dyn Store>, JournalError>>,
}

impl Writer {
    /// Waits until everything is written, replaces the snapshot by what the journal adds up to, and empties the journal.
    ///
    /// # Errors
    /// When an earlier write failed, or the snapshot cannot be written; the journal is then still complete.
    pub async fn finish(self, journal: Journal) -> Result<State, JournalError> {
        let state = Arc::clone(&journal.state);
        drop(journal);
        let mut store = self.task.await.map_err(|_| JournalError::Closed)??;
        let state = lock(&state).clone();
        compact(store.as_mut(), &state).await?;
        Ok(state)
    }

    /// Stops the writer where it is, as the death of the process would.
    pub fn kill(self) {
        self.task.abort();
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Replaces the snapshot by a state, and empties the journal.
///
/// # Errors
/// When the store refuses; what it held before is then still complete.
pub async fn compact(store: &mut dyn Store, state: &State) -> Result<(), JournalError> {
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
        let first = lock(&state).seq + 1;
        for request in batch.drain(..) {
            match add(&mut lock(&state), &request.records, &mut bytes) {
                Ok(()) => accepted.push(request.durable),
                Err(error) => answer(request.durable, Err(error)),
            }
        }
        if bytes.is_empty() {
            continue;
        }
        let written = store.append(first, bytes.as_bytes()).await;
        let result = written.map_err(|error| JournalError::Store { place: store.journal_place(), error: error.to_string() });
        for durable in accepted {
            answer(durable, result.clone());
        }
        result?;
    }
    Ok(store)
}

/// Adds the records of a request to the state and to the bytes to be written, up to the first that does not fit.
///
/// The state runs ahead of the disk by one flush. Nobody builds on that: a step goes on only once its own records, and
/// those of what it needs, have been acknowledged.
fn add(state: &mut State, records: &[Record], bytes: &mut String) -> Result<(), JournalError> {
    for record in records {
        let line = Line { seq: state.seq + 1, record: record.clone() };
        state.apply(&line).map_err(|error| JournalError::Record(error.to_string()))?;
        bytes.push_str(&line.encode());
    }
    Ok(())
}

fn answer(durable: Option<oneshot::Sender<Result<(), JournalError>>>, result: Result<(), JournalError>) {
    if let Some(durable) = durable {
        // Nobody waits any more when the step was stopped.
        let _ = durable.send(result);
    }
}
