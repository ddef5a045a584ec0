//! What the tool remembers: an append-only journal, a snapshot that compacts it, and a lock. See `docs/state-format.md`.

mod file;
mod file_lock;
mod holder;
mod journal;
mod lease;
mod lock;
mod memory;
mod migrate;
mod migration;
mod place;
mod record;
mod shared_lock;
mod shared_store;
mod snapshot;
mod store;
mod undo;
mod users;

pub use file::FileStore;
pub use holder::{Holder, whoever};
pub use journal::{Journal, JournalError, Writer, compact};
pub use lease::{Fenced, Lease};
pub use lock::{Found, Heartbeat, Lock, LockError};
pub use memory::MemoryStore;
pub use migrate::{MoveError, Moved, migrate};
pub use migration::{Migration, OpenOperation, OpenShift};
pub use place::Place;
pub use record::{Line, LineError, Op, Record};
pub use snapshot::{DONE_IN_PART, DOWN, Entry, FORMAT, IllegalRecord, OpenIntent, ROLLBACK, State, Status, UP};
pub use store::{Salvage, StateError, Store, load, open, salvage};
pub use undo::{Previous, Undo};
