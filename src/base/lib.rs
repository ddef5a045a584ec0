//! Base types that every part uses: addresses and ids, the clock, crash points, files and their locks, futures on the
//! heap, ownership tags, sides and metrics.
//!
//! *May depend on* no other crate of this workspace, and on no AWS SDK crate.
//! *Must never know* a resource kind, a file format or a command.

pub mod address;
pub mod clock;
pub mod crash_point;
pub mod file;
pub mod file_id;
pub mod locked_file;
pub mod metric;
pub mod on_heap;
pub mod side;
pub mod tags;
