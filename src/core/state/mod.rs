//! The state: an append-only journal, a snapshot that compacts it, and a lock. See `docs/state-format.md`.

mod backend;
mod dependents;
mod entry;
mod file;
mod file_lock;
mod journal;
mod lease;
mod lock;
mod lock_owner;
mod lock_status;
mod memory;
mod migrate;
mod migration;
mod record;
mod shared_lock;
mod shared_store;
mod snapshot;
mod store;
mod undo;
mod usable;

pub use backend::Backend;
pub use entry::{Entry, OpenIntent, Status};
pub use file::FileStore;
pub use journal::{Journal, JournalError, Writer, compact};
pub use lease::{FencedStore, Lease};
pub use lock::{Heartbeat, Lock};
pub use lock_owner::{Holder, user_at_host};
pub use lock_status::{Found, LockError};
pub use memory::MemoryStore;
pub use migrate::{MoveError, Moved, migrate};
pub use migration::{HeldRotation, Migration, OpenOperation, OpenShift};
pub use record::{Line, LineError, Op, Record};
pub use snapshot::{DONE_IN_PART, DOWN, FORMAT, IllegalRecord, ROLLBACK, State, UP};
pub use store::{Opened, Salvage, StateError, Store, TornLine, load, open, salvage};
pub use undo::{Previous, UndoLog};
pub use usable::UnusableState;
