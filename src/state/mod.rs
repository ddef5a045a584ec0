//! What the tool remembers: an append-only journal, a snapshot that compacts it, and a lock. See `docs/state-format.md`.

mod journal;
mod lock;
mod memory;
mod record;
mod snapshot;
mod store;
mod undo;

pub use journal::{Journal, JournalError, Writer};
pub use lock::{Holder, Lock, LockError};
pub use memory::MemoryStore;
pub use record::{Line, LineError, Op, Record};
pub use snapshot::{Entry, FORMAT, IllegalRecord, OpenIntent, ROLLBACK, State, Status, UP};
pub use store::{FileStore, StateError, Store, load, open};
pub use undo::{Previous, Undo};
